"""A transaction of a wallet: what it means to its owner, and what can still be done about it."""

from dataclasses import dataclass

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.encoding import EncodingError, hash_from_hex, hash_hex
from indexer.queries.transaction_page import TransactionPage, transaction_page
from indexer.raw import RawUnavailableError
from wallet.keys import Branch
from wallet.labels import LabelType
from webapp.accounts.context import accounts, login_required
from webapp.context import connection, network, raw, required_pulse
from webapp.flow import Flow
from webapp.limits import costly
from webapp.live import watch
from webapp.mempool_cache import current_mempool
from webapp.topics import wallet_topic
from webapp.transaction_flow import transaction_flow
from webapp.wallets import drafts
from webapp.wallets.amounts import TypedNumberError, read_fee_rate, write_fee_rate
from webapp.wallets.labels import labels_for
from webapp.wallets.opening import open_wallet
from webapp.wallets.orders import FormError
from webapp.wallets.raising import (
    Raised,
    Raiser,
    Waiting,
    Way,
    adjustment_words,
    find_waiting,
    psbt_of,
)
from webapp.wallets.send_view import Desk
from webapp.wallets.snapshot import Snapshot

REFUSED = 400
RATE_STEP = 10  # per 1000 vbytes: what is suggested has two decimals

blueprint = Blueprint("wallet_transaction", __name__)


@dataclass(frozen=True, slots=True)
class PartView:
    """An input or output. `mine`: of this wallet; `change`: on its change branch."""

    number: int
    address: str
    value: int | None
    mine: bool
    change: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class RaiseView:
    """The form to raise the fee, and what would come of it."""

    waiting: Waiting
    way: Way
    rate: str
    raised: Raised | None
    errors: dict[str, str]
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransactionView:
    """What the template shows. `delta` is what it changed in this wallet."""

    snapshot: Snapshot
    page: TransactionPage
    label: str | None
    inputs: tuple[PartView, ...]
    outputs: tuple[PartView, ...]
    delta: int
    paid_by_us: bool
    flow: Flow
    raising: RaiseView | None


@blueprint.get("/wallets/<int:wallet_id>/tx/<txid>")
@login_required
def show(wallet_id: int, txid: str) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    wanted = _txid(txid)
    watch(f"tx:{txid}", "tip", wallet_topic(wallet_id))
    view = _view(snapshot, wanted)
    if view is None and not _was_sent(snapshot, wanted):
        abort(404, _("No transaction with this txid is in the chain or in the mempool."))
    if view is None:
        return render_template("wallets/sent.html", snapshot=snapshot, txid=txid)
    return render_template("wallets/transaction.html", view=view)


@blueprint.post("/wallets/<int:wallet_id>/tx/<txid>/raise/preview")
@login_required
@costly
def preview(wallet_id: int, txid: str) -> ResponseReturnValue:
    """What would come of the rate that is typed, as a fragment."""
    raising = _raising(open_wallet(wallet_id), _txid(txid))
    return render_template("wallets/raise_preview.html", raising=raising)


@blueprint.post("/wallets/<int:wallet_id>/tx/<txid>/raise")
@login_required
@costly
def raise_fee(wallet_id: int, txid: str) -> ResponseReturnValue:
    """Make the draft that raises the fee, cancels, or pays for it; on to its page."""
    snapshot, wanted = open_wallet(wallet_id), _txid(txid)
    raising = _raising(snapshot, wanted)
    if raising is None:
        abort(409, _("This transaction is confirmed or replaced by now."))
    if raising.raised is None:
        view = _view(snapshot, wanted)
        return render_template("wallets/transaction.html", view=view), REFUSED
    try:
        psbt = psbt_of(connection(), raw(), required_pulse(), snapshot, raising.raised)
    except RawUnavailableError as error:
        abort(503, str(error))
    replaces = None if raising.way is Way.CHILD else wanted
    with accounts().write() as writing:
        number = drafts.create(
            writing, wallet_id, raising.raised.form, psbt.serialize(), replaces=replaces
        )
    return redirect(f"{request.script_root}/wallets/{wallet_id}/drafts/{number}", code=303)


def _view(snapshot: Snapshot, txid: bytes) -> TransactionView | None:
    """None where neither chain nor mempool has it."""
    page = transaction_page(connection(), raw(), required_pulse(), txid)
    if page is None:
        return None
    inputs = tuple(
        _part(snapshot, each.spent.vin, each.address, each.spent.value, each.spent.script)
        for each in page.inputs
    )
    outputs = tuple(
        _part(snapshot, each.created.vout, each.address, each.created.value, each.created.script)
        for each in page.outputs
    )
    if not any(part.mine for part in (*inputs, *outputs)):
        abort(404, _("This transaction does not concern this wallet."))
    label, names = _names(snapshot, txid, (*inputs, *outputs))
    return TransactionView(
        snapshot=snapshot,
        page=page,
        label=label,
        inputs=tuple(_named(part, names) for part in inputs),
        outputs=tuple(_named(part, names) for part in outputs),
        delta=_mine(outputs) - _mine(inputs),
        paid_by_us=all(part.mine for part in inputs) and bool(inputs),
        flow=transaction_flow(page),
        raising=_raising(snapshot, txid),
    )


def _was_sent(snapshot: Snapshot, txid: bytes) -> bool:
    """From here, so recently perhaps that the index has not seen it yet."""
    with accounts().read() as reading:
        return drafts.sent_as(reading, snapshot.wallet.id, txid) is not None


def _part(
    snapshot: Snapshot, number: int, address: str | None, value: int | None, script: bytes | None
) -> PartView:
    place = None if script is None else snapshot.owned.find(script)
    change = place is not None and place.branch is Branch.CHANGE
    return PartView(number, address or "", value, place is not None, change, None)


def _mine(parts: tuple[PartView, ...]) -> int:
    return sum(part.value or 0 for part in parts if part.mine)


def _names(
    snapshot: Snapshot, txid: bytes, parts: tuple[PartView, ...]
) -> tuple[str | None, dict[str, str]]:
    """The transaction's label, and what the addresses are called: labels and contacts."""
    key = (LabelType.TX, hash_hex(txid))
    with accounts().read() as reading:
        keys = [(LabelType.ADDR, part.address) for part in parts if part.address]
        found = labels_for(reading, snapshot.wallet.id, [key, *keys])
        contacts = Desk(connection(), reading, snapshot, current_mempool()).contacts()
    names = {each.address: each.name for each in contacts}
    names |= {ref: text for (kind, ref), text in found.items() if kind is LabelType.ADDR}
    return found.get(key), names


def _named(part: PartView, names: dict[str, str]) -> PartView:
    return PartView(
        part.number, part.address, part.value, part.mine, part.change, names.get(part.address)
    )


def _raising(snapshot: Snapshot, txid: bytes) -> RaiseView | None:
    """What the form says, or would say at first; None where nothing can be done any more."""
    with accounts().read() as reading:
        desk = Desk(connection(), reading, snapshot, current_mempool())
        waiting = find_waiting(connection(), snapshot, txid, desk.held())
        if waiting is None or not waiting.ways or snapshot.loading:
            return None
        made = drafts.sent_as(reading, snapshot.wallet.id, txid)
        known = None if made is None else made.form
        raiser = Raiser(connection(), snapshot, waiting, desk.held(), known)
        now = -(-waiting.fee * 1000 // waiting.transaction.vsize)
        least = max(desk.rates.fast, now + desk.rates.minimum)
        suggested = write_fee_rate(-(-least // RATE_STEP) * RATE_STEP)
    way = next((each for each in waiting.ways if each == request.form.get("way")), waiting.ways[0])
    rate = request.form.get("rate", suggested)
    try:
        raised = raiser.raised(way, read_fee_rate(rate, network()))
    except FormError as error:
        return RaiseView(waiting, way, rate, None, error.errors, ())
    except TypedNumberError as error:
        return RaiseView(waiting, way, rate, None, {"rate": str(error)}, ())
    changes = tuple(map(adjustment_words, raised.adjustments))
    return RaiseView(waiting, way, rate, raised, {}, changes)


def _txid(text: str) -> bytes:
    try:
        return hash_from_hex(text)
    except EncodingError:
        abort(404, _("A transaction goes by its txid of 64 hexadecimal digits."))
