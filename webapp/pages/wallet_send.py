"""Sending: the form, with the transaction drawn while it is filled in."""

import re
from dataclasses import replace
from typing import Final

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from indexer.queries.pulse import Pulse
from indexer.raw import RawUnavailableError
from webapp.accounts.context import accounts, login_required
from webapp.context import connection, network, raw, required_pulse
from webapp.errors import wants_json
from webapp.limits import costly
from webapp.mempool_cache import current_mempool
from webapp.preferences import preferences
from webapp.wallets import drafts
from webapp.wallets.amounts import Unit
from webapp.wallets.drafts import Draft, DraftState
from webapp.wallets.opening import open_wallet
from webapp.wallets.orders import FormError
from webapp.wallets.pasted import PastedError, read_pasted
from webapp.wallets.preparing import prepare
from webapp.wallets.send_form import (
    SendForm,
    TypedRecipient,
    read_form,
    with_recipients,
    without_recipient,
)
from webapp.wallets.send_view import Desk, Preview, SendView

REFUSED: Final = 400
LONGEST_NUMBER: Final = 15  # digits
_REMOVE: Final = re.compile(r"remove-([0-9]{1,4})", re.ASCII)

blueprint = Blueprint("wallet_send", __name__)


@blueprint.get("/wallets/<int:wallet_id>/send")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    """An empty form, one begun by links (to=, coin=), or an open draft's (draft=)."""
    snapshot = open_wallet(wallet_id)
    with accounts().read() as reading:
        draft = _open_draft(reading, wallet_id, request.args.get("draft", ""))
        desk = Desk(connection(), reading, snapshot, current_mempool(), draft)
        if draft is not None:
            view = desk.view(draft.form, desk.preview(draft.form).without_missing())
        else:
            form = _begun()
            view = desk.view(form, desk.preview(form).without_missing())
    return _page(view)


@blueprint.post("/wallets/<int:wallet_id>/send")
@login_required
@costly
def change(wallet_id: int) -> ResponseReturnValue:
    """The form of a browser without script: another row, one less, what was pasted, a look."""
    snapshot = open_wallet(wallet_id)
    form = read_form(request.form)
    action = request.form.get("do", "preview")
    pasted, pasted_error = request.form.get("pasted", ""), ""
    if action == "add":
        form = replace(form, recipients=(*form.recipients, TypedRecipient()))
    elif removing := _REMOVE.fullmatch(action):
        form = without_recipient(form, int(removing[1]))
    elif action == "paste":
        try:
            form = with_recipients(form, read_pasted(pasted, form.unit, network()))
            pasted = ""
        except PastedError as error:
            pasted_error = str(error)
    with accounts().read() as reading:
        draft = _open_draft(reading, wallet_id, request.form.get("draft", ""))
        desk = Desk(connection(), reading, snapshot, current_mempool(), draft)
        preview = desk.preview(form)
        if action != "preview":
            preview = preview.without_missing()
        view = desk.view(form, preview, pasted, pasted_error)
    refused = bool(pasted_error or (action == "preview" and preview.errors))
    return _page(view), REFUSED if refused else 200


@blueprint.post("/wallets/<int:wallet_id>/send/preview")
@login_required
@costly
def preview(wallet_id: int) -> ResponseReturnValue:
    """The drawing of the transaction, and what is wrong with each field."""
    snapshot = open_wallet(wallet_id)
    form = read_form(request.form)
    with accounts().read() as reading:
        draft = _open_draft(reading, wallet_id, request.form.get("draft", ""))
        desk = Desk(connection(), reading, snapshot, current_mempool(), draft)
        view = desk.view(form, desk.preview(form).without_missing())
    return render_template("wallets/send_preview.html", view=view)


@blueprint.post("/wallets/<int:wallet_id>/send/recipients")
@login_required
def recipients(wallet_id: int) -> ResponseReturnValue:
    """Rows of the form from what was pasted or scanned, as JSON."""
    open_wallet(wallet_id)
    form = read_form(request.form)
    try:
        found = read_pasted(request.form.get("pasted", ""), form.unit, network())
    except PastedError as error:
        return jsonify(errors={"pasted": str(error)}), REFUSED
    return jsonify(recipients=[_row(each) for each in found])


@blueprint.post("/wallets/<int:wallet_id>/drafts")
@login_required
@costly
def draft_payment(wallet_id: int) -> ResponseReturnValue:
    """Keep what was typed together with its PSBT. JSON for the page's script, which reviews and
    signs it; else on to the draft's own page."""
    snapshot = open_wallet(wallet_id)
    form = read_form(request.form)
    pulse = required_pulse()
    with accounts().write() as writing:
        draft = _open_draft(writing, wallet_id, request.form.get("draft", ""))
        desk = Desk(connection(), writing, snapshot, current_mempool(), draft)
        try:
            number = _keep(desk, form, pulse)
        except FormError as error:
            if wants_json():
                return jsonify(errors=error.errors), REFUSED
            return _page(desk.view(form, Preview(errors=error.errors))), REFUSED
    path = f"{request.script_root}/wallets/{wallet_id}/drafts/{number}"
    return jsonify(url=path) if wants_json() else redirect(path, code=303)


def _keep(desk: Desk, form: SendForm, pulse: Pulse) -> int:
    """Raises FormError."""
    form = desk.expanded(form)
    plan = desk.plan(form)
    form = replace(form, account=plan.purse.account.account.id)
    try:
        psbt = prepare(connection(), raw(), pulse, desk.snapshot, plan)
    except RawUnavailableError as error:
        raise FormError({"": str(error)}) from error
    draft = desk.draft
    if draft is not None and drafts.revise(desk.accounts, draft.id, form, psbt.serialize()):
        return draft.id
    return drafts.create(desk.accounts, desk.snapshot.wallet.id, form, psbt.serialize())


def _open_draft(reading: Connection, wallet_id: int, number: str) -> Draft | None:
    """The open draft of this number, to be typed on; bumps and cancellations are not."""
    if not number.isdecimal() or len(number) > LONGEST_NUMBER:
        return None
    draft = drafts.find(reading, wallet_id, int(number))
    usable = draft is not None and draft.state is DraftState.OPEN and draft.replaces is None
    return draft if usable else None


def _begun() -> SendForm:
    """A form with what a link gives, an address or the coins to spend, in the reader's unit."""
    begun = read_form(request.args)
    recipient = TypedRecipient(request.args.get("to", ""), label=request.args.get("label", ""))
    unit: Unit = "small" if preferences().unit == "small" else "coin"
    return replace(begun, recipients=(recipient,), unit=unit)


def _row(recipient: TypedRecipient) -> dict[str, str]:
    return {"to": recipient.to, "amount": recipient.amount, "label": recipient.label}


def _page(view: SendView) -> str:
    return render_template("wallets/send.html", view=view)
