"""Receiving: the next unused address, as a code with amount and label, and when it is paid."""

from dataclasses import dataclass, field

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.encoding import hash_hex
from indexer.keys import script_hash
from wallet.descriptor_keys import write_path
from wallet.labels import LabelType
from wallet.uri import PaymentUri, write_uri
from webapp.accounts.context import accounts, login_required
from webapp.context import network
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.qr import QrDrawing, draw_qr
from webapp.wallets.amounts import TypedNumberError, Unit, read_amount
from webapp.wallets.labels import labels_for
from webapp.wallets.opening import open_wallet
from webapp.wallets.receiving import ReceivePlace, receive_place
from webapp.wallets.snapshot import AccountState, Snapshot
from webapp.wallets.store import offer_receive

LONGEST_LABEL = 100  # characters, in the code

blueprint = Blueprint("wallet_receive", __name__)


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What was typed to be asked for, and what is wrong with it by field."""

    amount: str = ""
    unit: Unit = "coin"
    label: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceivePage:
    """What the template shows. `notes`: address -> its label. `path` is that of an account whose
    path is not the usual one. `at_limit`: a new address was asked for, and refused."""

    snapshot: Snapshot
    place: ReceivePlace
    form: RequestForm
    uri: str
    qr: QrDrawing
    notes: dict[str, str]
    path: str | None
    at_limit: bool


@blueprint.get("/wallets/<int:wallet_id>/receive")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    state = _account(snapshot)
    position = whole_number("position")
    if position is None:  # so that the page stays with its address when that is paid
        return redirect(_location(wallet_id, state, state.receive.next_position))
    place = _place(snapshot, state, position)
    watch(f"address:{hash_hex(script_hash(place.script))}")
    return _render(snapshot, place, RequestForm())


@blueprint.post("/wallets/<int:wallet_id>/receive")
@login_required
def ask(wallet_id: int) -> ResponseReturnValue:
    """The same page with amount and label in the code. They are kept nowhere."""
    snapshot = open_wallet(wallet_id)
    state = _account(snapshot)
    place = _place(snapshot, state, whole_number("position") or 0)
    unit: Unit = "small" if request.form.get("unit") == "small" else "coin"
    form = RequestForm(
        request.form.get("amount", "").strip(), unit, request.form.get("label", "").strip()
    )
    return _render(snapshot, place, form)


@blueprint.post("/wallets/<int:wallet_id>/receive/next")
@login_required
def move_on(wallet_id: int) -> ResponseReturnValue:
    """Offer the next address, within the gap limit."""
    snapshot = open_wallet(wallet_id)
    state = _account(snapshot)
    position = state.receive.next_position + 1
    place = receive_place(snapshot, state, state.receive.next_position)
    if not place.can_move_on:
        return _render(snapshot, place, RequestForm(), at_limit=True)
    with accounts().write() as writing:
        offer_receive(writing, state.account.id, position)
    return redirect(_location(wallet_id, state, position), code=303)


def _account(snapshot: Snapshot) -> AccountState:
    account_id = whole_number("account")
    if account_id is None:
        return snapshot.accounts[0]
    return snapshot.account(account_id) or abort(404, _("The wallet has no such account."))


def _place(snapshot: Snapshot, state: AccountState, position: int) -> ReceivePlace:
    try:
        return receive_place(snapshot, state, position)
    except IndexError:
        abort(404, _("The wallet does not look that far for addresses."))


def _location(wallet_id: int, state: AccountState, position: int) -> str:
    return url_for(
        "wallet_receive.show", wallet_id=wallet_id, account=state.account.id, position=position
    )


def _render(
    snapshot: Snapshot, place: ReceivePlace, form: RequestForm, *, at_limit: bool = False
) -> ResponseReturnValue:
    asked, form = _read(place.address, form)
    account = place.state.account
    named = [place.address, *(each.address for each in place.waiting)]
    with accounts().read() as reading:
        found = labels_for(reading, snapshot.wallet.id, [(LabelType.ADDR, each) for each in named])
    page = ReceivePage(
        snapshot,
        place,
        form,
        write_uri(asked, network()),
        draw_qr(write_uri(asked, network(), for_qr=True)),
        {ref: label for (_type, ref), label in found.items()},
        write_path(account.parsed.keys[0].origin) if account.account_index is None else None,
        at_limit,
    )
    status = 409 if at_limit else 422 if form.errors else 200
    return render_template("wallets/receive.html", page=page), status


def _read(address: str, form: RequestForm) -> tuple[PaymentUri, RequestForm]:
    """What the code asks for: of what is wrong nothing."""
    errors: dict[str, str] = {}
    amount = None
    if form.amount:
        try:
            amount = read_amount(form.amount, form.unit, network())
        except TypedNumberError as error:
            errors["amount"] = str(error)
    label = form.label
    if len(label) > LONGEST_LABEL:
        errors["label"] = _("At most %(count)s characters fit in the code.", count=LONGEST_LABEL)
        label = ""
    return PaymentUri(address, amount, label), RequestForm(
        form.amount, form.unit, form.label, errors
    )
