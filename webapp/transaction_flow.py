"""Which bands the flow diagram of a transaction has, and what they are called."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from indexer.chain.script import ScriptType
from indexer.keys import TxFlag
from indexer.queries.transaction_page import TransactionPage
from indexer.queries.transaction_parts import InputView, OutputView
from webapp.flow import Flow, Strand, draw_flow
from webapp.formatting import amount_text
from webapp.script_words import script_words

MOST_STRANDS = 24  # on either side; what is beyond them is drawn as one


def transaction_flow(page: TransactionPage) -> Flow:
    """The diagram of the parts shown on a page, with the rest of the transaction as one band."""
    inputs = page.inputs[:MOST_STRANDS]
    left = _minted(page) if page.summary.is_coinbase else [_input(each) for each in inputs]
    left += _rest(
        page.input_slice.total - len(inputs),
        page.input_value,
        [each.spent.value for each in inputs],
    )
    outputs = page.outputs[:MOST_STRANDS]
    right = [_output(each, page.can_be_spent) for each in outputs]
    right += _rest(
        page.output_slice.total - len(outputs),
        page.summary.output_value,
        [each.created.value for each in outputs],
    )
    if page.summary.fee:
        right.append(_strand("fee", _("Fee"), page.summary.fee, None))
    return draw_flow(left, right)


def _strand(kind: str, name: str, value: int | None, target: str | None) -> Strand:
    told = _("amount unknown") if value is None else amount_text(value)
    return Strand(kind, f"{name}: {told}", value, target)


def _minted(page: TransactionPage) -> list[Strand]:
    if page.block_fees is None or page.subsidy is None:
        return [_strand("minted", _("Newly minted"), page.summary.output_value, "in-0")]
    strands = [_strand("minted", _("Subsidy"), page.subsidy, "in-0")]
    if page.block_fees:
        strands.append(_strand("fee", _("Fees of the block"), page.block_fees, "in-0"))
    return strands


def _input(view: InputView) -> Strand:
    spent = view.spent
    name = _("Input %(number)d", number=spent.vin)
    if view.address:
        name = f"{name}, {view.address}"
    return _strand("input", name, spent.value, f"in-{spent.vin}")


def _output(view: OutputView, can_be_spent: bool) -> Strand:
    created = view.created
    name = _("Output %(number)d", number=created.vout)
    name = f"{name}, {view.address or script_words(view.script_type).name}"
    kind = "data" if view.script_type is ScriptType.OP_RETURN else "output"
    if created.spender is None and kind == "output" and can_be_spent:
        kind = "unspent"
    return _strand(kind, name, created.value, f"out-{created.vout}")


def _rest(count: int, total: int | None, shown: Sequence[int | None]) -> list[Strand]:
    if count <= 0:
        return []
    known = [value for value in shown if value is not None]
    rest = total - sum(known) if total is not None and len(known) == len(shown) else None
    name = ngettext("%(num)d more", "%(num)d more", count)
    return [_strand("rest", name, rest, None)]


def is_pegging(page: TransactionPage) -> bool:
    """Whether amounts enter or leave Litecoin's MWEB here."""
    return bool(page.summary.flags & (TxFlag.MWEB | TxFlag.HOGEX)) or any(
        each.script_type is ScriptType.MWEB_PEGIN for each in page.outputs
    )
