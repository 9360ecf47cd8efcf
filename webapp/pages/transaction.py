"""One transaction: where it is, what it moves, how it is locked and unlocked, its proof."""

from dataclasses import dataclass
from typing import Any, NoReturn

from flask import Blueprint, Response, abort, make_response, render_template, url_for
from flask_babel import gettext as _

from indexer.chain.coinbase import coinbase_text
from indexer.chain.encoding import EncodingError, hash_from_hex, hash_hex
from indexer.chain.script import asm, multisig_parts, op_return_data
from indexer.queries.pulse import Pulse
from indexer.queries.transaction_page import (
    NoSuchPartError,
    TransactionPage,
    find_raw,
    transaction_page,
)
from indexer.queries.transaction_parts import PAGE_SIZE
from webapp.caching import cached
from webapp.context import connection, network, raw, required_pulse
from webapp.flow import Flow
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.script_words import script_hash_hex, script_words, spend_name
from webapp.transaction_flow import is_pegging, transaction_flow
from webapp.transaction_words import (
    WarningWords,
    locktime_words,
    sequence_words,
    warning_words,
)

LONGEST_HEX_SHOWN = 200_000  # characters; longer ones are only to be downloaded

WITNESS_COMMITMENT = bytes.fromhex("aa21a9ed")

blueprint = Blueprint("transaction", __name__)


@dataclass(frozen=True, slots=True)
class TransactionView:
    """What the template shows. `raw_hex` is None where it is unknown or too long for a page."""

    page: TransactionPage
    flow: Flow
    warnings: tuple[WarningWords, ...]
    locktime: str | None
    raw_hex: str | None
    pegging: bool


@blueprint.get("/tx/<txid>")
def show(txid: str) -> Response:
    wanted = _txid(txid)
    state = required_pulse()
    watch(f"tx:{hash_hex(wanted)}", "tip")
    first_input, first_output = whole_number("in", default=0), whole_number("out", default=0)
    try:
        page = transaction_page(
            connection(),
            raw(),
            state,
            wanted,
            first_input=first_input or 0,
            first_output=first_output or 0,
        )
    except NoSuchPartError as error:
        abort(404, _("This transaction does not reach that far: %(error)s.", error=str(error)))
    if page is None:
        _abort_unknown(state)
    return cached(
        render_template("transaction/transaction.html", view=_view(page)),
        "transaction",
        wanted,
        first_input,
        first_output,
        state.chain_generation,
        state.mempool_generation,
    )


@blueprint.get("/tx/<txid>/hex")
def show_hex(txid: str) -> Response:
    """The bytes in hexadecimal, as sendrawtransaction takes them."""
    response = make_response(_bytes(txid).hex())
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    return response


@blueprint.get("/tx/<txid>/raw")
def download(txid: str) -> Response:
    """The bytes as on the wire."""
    response = make_response(_bytes(txid))
    name = f"{network().name}-{hash_hex(_txid(txid))}.tx"
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def readable(data: bytes) -> str:
    """Data as text where it is UTF-8, else the readable runs in it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return coinbase_text(data)


def is_witness_commitment(data: bytes) -> bool:
    """Whether an OP_RETURN's data is what BIP141 has coinbases carry."""
    return len(data) == 36 and data.startswith(WITNESS_COMMITMENT)


def part_path(txid: bytes, side: str, number: int) -> str:
    """Where an input ("in") or output ("out") is shown, on whichever page of a long list."""
    start = number // PAGE_SIZE * PAGE_SIZE
    query: dict[str, Any] = {side: start} if start else {}
    return url_for("transaction.show", txid=hash_hex(txid), _anchor=f"{side}-{number}", **query)


def page_path(page: TransactionPage, **changes: int) -> str:
    """This transaction with other parts of its long lists."""
    firsts = {"in": page.input_slice.first, "out": page.output_slice.first, **changes}
    query: dict[str, Any] = {name: first for name, first in firsts.items() if first}
    anchor = "inputs" if "in" in changes else "outputs"
    return url_for("transaction.show", txid=hash_hex(page.summary.txid), _anchor=anchor, **query)


def _view(page: TransactionPage) -> TransactionView:
    transaction = page.transaction
    raw_hex = None
    if transaction is not None and 2 * page.summary.size <= LONGEST_HEX_SHOWN:
        raw_hex = transaction.serialize().hex()
    return TransactionView(
        page=page,
        flow=transaction_flow(page),
        warnings=tuple(warning_words(each) for each in page.warnings),
        locktime=None if transaction is None else locktime_words(transaction),
        raw_hex=raw_hex,
        pegging=is_pegging(page),
    )


def _txid(text: str) -> bytes:
    try:
        return hash_from_hex(text)
    except EncodingError:
        abort(404, _("A transaction goes by its txid of 64 hexadecimal digits."))


def _bytes(txid: str) -> bytes:
    found = find_raw(connection(), raw(), _txid(txid))
    if found is None:
        _abort_unknown(required_pulse())
    return found


def _abort_unknown(state: Pulse) -> NoReturn:
    if state.loading:
        abort(
            404,
            _(
                "The index does not hold this transaction yet. It has reached block %(height)s of "
                "%(total)s.",
                height=max(0, state.tip_height),
                total=state.node_height or "?",
            ),
        )
    text = _(
        "No transaction with this txid is in the chain or in the mempool. If it was sent a moment "
        "ago, leave this page open: it shows the transaction as soon as it arrives."
    )
    if network().mweb:
        text += " " + _("A transaction wholly inside MWEB is confidential and cannot be shown.")
    abort(404, text)


for function in (
    asm,
    is_witness_commitment,
    multisig_parts,
    op_return_data,
    readable,
    script_hash_hex,
    script_words,
    sequence_words,
    spend_name,
):
    blueprint.add_app_template_filter(function)
blueprint.add_app_template_global(part_path)
blueprint.add_app_template_global(page_path)
