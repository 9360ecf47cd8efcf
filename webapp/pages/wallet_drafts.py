"""One payment on its way: looked at again, signed, sent, tried again, given up."""

from dataclasses import dataclass

from flask import Blueprint, abort, jsonify, make_response, redirect, render_template
from flask import request as asked
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxOutput, hash_hex
from indexer.queries.transactions import find_pending
from wallet.bbqr import PSBT, BbqrError, is_frame, join, split
from wallet.fees import rate_of, transaction_weight
from wallet.keys import Branch
from wallet.psbt import Psbt, parse_psbt
from webapp.accounts.context import accounts, login_required
from webapp.context import connection, network
from webapp.errors import wants_json
from webapp.flow import Flow, Strand, draw_flow
from webapp.formatting import amount_text
from webapp.limits import costly
from webapp.qr import QrDrawing, draw_qr
from webapp.sentences import translated
from webapp.wallets import drafts
from webapp.wallets.drafts import Draft, DraftState
from webapp.wallets.opening import open_wallet
from webapp.wallets.sending import SendError, finish, keep_signed, send
from webapp.wallets.signing_request import signing_request
from webapp.wallets.sizes import input_size
from webapp.wallets.snapshot import Snapshot

REFUSED = 400
NOT_NOW = 503

blueprint = Blueprint("wallet_drafts", __name__)


@dataclass(frozen=True, slots=True)
class DraftOutput:
    """`change`: it comes back to this wallet."""

    address: str
    value: int
    change: bool
    label: str


@dataclass(frozen=True, slots=True)
class DraftView:
    """What the template shows of a draft."""

    snapshot: Snapshot
    draft: Draft
    psbt: Psbt
    fee: int
    fee_rate: int | None  # per 1000 vbytes, once signed; None where not every coin is ours
    outputs: tuple[DraftOutput, ...]
    flow: Flow
    url: str
    frames: tuple[QrDrawing, ...]
    error: str | None = None

    @property
    def paid(self) -> int:
        return sum(each.value for each in self.outputs if not each.change)


@blueprint.get("/wallets/<int:wallet_id>/drafts/<int:draft_id>")
@login_required
def show(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    snapshot, draft = _found(wallet_id, draft_id)
    if draft.state is DraftState.SENT:
        return redirect(_transaction_path(draft), code=303)
    return _page(snapshot, draft)


@blueprint.get("/wallets/<int:wallet_id>/drafts/<int:draft_id>/signing")
@login_required
def signing(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    """What the browser's worker is to check and sign, as JSON."""
    snapshot, draft = _found(wallet_id, draft_id)
    if draft.state is not DraftState.OPEN:
        abort(409, _("This draft is signed already, or given up."))
    return jsonify(signing_request(draft, snapshot, _path(draft), _replaced(draft)))


@blueprint.get("/wallets/<int:wallet_id>/drafts/<int:draft_id>/psbt")
@login_required
def download(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    """The PSBT as a file."""
    _snapshot, draft = _found(wallet_id, draft_id)
    response = make_response(draft.psbt or b"")
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="satchel-{draft.id}.psbt"'
    return response


@blueprint.post("/wallets/<int:wallet_id>/drafts/<int:draft_id>/signed")
@login_required
@costly
def take_signed(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    """A signed PSBT: finished, kept and sent. From a file, text, or frames of BBQr, one a line."""
    snapshot, draft = _found(wallet_id, draft_id)
    try:
        if draft.state is DraftState.OPEN:
            keep_signed(accounts(), draft, finish(draft, _signed_psbt(), network()))
            draft = _found(wallet_id, draft_id)[1]
        return _sent(draft)
    except SendError as error:
        return _refused(snapshot, _found(wallet_id, draft_id)[1], error)


@blueprint.post("/wallets/<int:wallet_id>/drafts/<int:draft_id>/send")
@login_required
@costly
def send_again(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    """Send a signed draft that could not be sent before."""
    snapshot, draft = _found(wallet_id, draft_id)
    try:
        return _sent(draft)
    except SendError as error:
        return _refused(snapshot, _found(wallet_id, draft_id)[1], error)


@blueprint.post("/wallets/<int:wallet_id>/drafts/<int:draft_id>/abandon")
@login_required
def abandon(wallet_id: int, draft_id: int) -> ResponseReturnValue:
    """Give up a draft; its coins are free again."""
    _snapshot, draft = _found(wallet_id, draft_id)
    with accounts().write() as writing:
        drafts.abandon(writing, draft.id)
    return redirect(f"{asked.script_root}/wallets/{wallet_id}/send", code=303)


def _found(wallet_id: int, draft_id: int) -> tuple[Snapshot, Draft]:
    snapshot = open_wallet(wallet_id)
    with accounts().read() as reading:
        draft = drafts.find(reading, wallet_id, draft_id)
    if draft is None or draft.psbt is None or draft.state is DraftState.ABANDONED:
        abort(404, _("This draft does not exist any more."))
    return snapshot, draft


def _signed_psbt() -> bytes | str:
    """Raises SendError."""
    file = asked.files.get("file")
    if file is not None and file.filename:
        return bytes(file.read())
    text = (asked.form.get("psbt") or "").strip()
    if asked.is_json:
        body = asked.get_json(silent=True)
        text = str(body.get("psbt", "")) if isinstance(body, dict) else ""
    if not text:
        raise SendError(_("A signed PSBT is expected: a file, or its text."))
    if is_frame(text):
        try:
            return join(line.strip() for line in text.splitlines() if line.strip())
        except BbqrError as error:
            raise SendError(
                _("These codes cannot be read: %(problem)s.", problem=translated(error))
            ) from error
    return text


def _sent(draft: Draft) -> ResponseReturnValue:
    """Raises SendError."""
    send(accounts(), connection(), draft)
    path = _transaction_path(draft)
    return jsonify(url=path) if wants_json() else redirect(path, code=303)


def _refused(snapshot: Snapshot, draft: Draft, error: SendError) -> ResponseReturnValue:
    status = NOT_NOW if error.kept else REFUSED
    if wants_json():
        return jsonify(errors={"": str(error)}, kept=error.kept), status
    return _page(snapshot, draft, str(error)), status


def _page(snapshot: Snapshot, draft: Draft, error: str | None = None) -> str:
    assert draft.psbt is not None
    psbt = parse_psbt(draft.psbt, snapshot.network)
    watched = snapshot.wallet.kind == "watch"
    outputs = tuple(_output(each, snapshot, draft) for each in psbt.tx.outputs)
    fee = psbt.fee or 0
    view = DraftView(
        snapshot=snapshot,
        draft=draft,
        psbt=psbt,
        fee=fee,
        fee_rate=_fee_rate(psbt, snapshot),
        outputs=outputs,
        flow=_flow(psbt, outputs, fee),
        url=_path(draft),
        frames=tuple(map(draw_qr, split(draft.psbt, PSBT))) if watched else (),
        error=error or draft.error,
    )
    return render_template("wallets/draft.html", view=view)


def _fee_rate(psbt: Psbt, snapshot: Snapshot) -> int | None:
    sizes = []
    for number in range(len(psbt.inputs)):
        spent = psbt.spent(number)
        place = None if spent is None else snapshot.owned.find(spent.script)
        account = None if place is None else snapshot.account(place.account_id)
        if place is None or account is None:
            return None
        output = account.account.parsed.derive(place.branch, place.position)
        sizes.append(input_size(snapshot, output))
    return rate_of(psbt.fee or 0, transaction_weight(sizes, psbt.tx.outputs))


def _output(output: TxOutput, snapshot: Snapshot, draft: Draft) -> DraftOutput:
    place = snapshot.owned.find(output.script)
    address = address_of(output.script, snapshot.network) or output.script.hex()
    typed = {row.to: row.label for row in draft.form.recipients}
    change = place is not None and place.branch is Branch.CHANGE and address not in typed
    return DraftOutput(address, output.value, change, typed.get(address, ""))


def _flow(psbt: Psbt, outputs: tuple[DraftOutput, ...], fee: int) -> Flow:
    spent = [psbt.spent(number) for number in range(len(psbt.inputs))]
    left = [
        Strand("input", amount_text(each.value), each.value) for each in spent if each is not None
    ]
    right = [
        Strand(
            "unspent" if each.change else "output",
            f"{_('Change') if each.change else each.address}: {amount_text(each.value)}",
            each.value,
        )
        for each in outputs
    ]
    right.append(Strand("fee", f"{_('Fee')}: {amount_text(fee)}", fee))
    return draw_flow(left, right)


def _replaced(draft: Draft) -> Transaction | None:
    if draft.replaces is None:
        return None
    found = find_pending(connection(), draft.replaces, network())
    return None if found is None else found.transaction


def _path(draft: Draft) -> str:
    return f"{asked.script_root}/wallets/{draft.wallet_id}/drafts/{draft.id}"


def _transaction_path(draft: Draft) -> str:
    txid = hash_hex(draft.txid or b"")
    return f"{asked.script_root}/wallets/{draft.wallet_id}/tx/{txid}"
