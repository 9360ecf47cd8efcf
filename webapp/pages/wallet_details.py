"""A wallet's details: what it is made of, its name and gap limit, and its end."""

from dataclasses import dataclass, field

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from wallet.descriptor_keys import write_path
from wallet.keys import purposes_of
from webapp.account_words import AccountWords, account_words
from webapp.accounts.context import accounts, login_required
from webapp.context import network
from webapp.qr import QrDrawing, draw_qr
from webapp.wallets.opening import open_wallet
from webapp.wallets.snapshot import AccountState, Snapshot
from webapp.wallets.store import (
    LONGEST_NAME,
    MOST_GAP_LIMIT,
    change_wallet,
    delete_wallet,
)

LEAST_GAP_LIMIT = 1
LONGEST_CODE = 600  # characters

blueprint = Blueprint("wallet_details", __name__)


@dataclass(frozen=True, slots=True)
class DetailsForm:
    """What was typed, and what is wrong with it by field."""

    name: str
    gap_limit: str
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """An account. `paths` are of its keys, several where it takes several signatures."""

    state: AccountState
    paths: tuple[str, ...]
    qr: QrDrawing | None  # of what is short enough to be read from a screen


@dataclass(frozen=True, slots=True)
class DetailsPage:
    """`types` are the kinds of account there are; `next_number` that of another one, from 1."""

    snapshot: Snapshot
    accounts: tuple[AccountDetails, ...]
    form: DetailsForm
    types: tuple[AccountWords, ...]
    next_number: int


@blueprint.get("/wallets/<int:wallet_id>/details")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    wallet = snapshot.wallet
    return _page(snapshot, DetailsForm(wallet.name, str(wallet.gap_limit)))


@blueprint.post("/wallets/<int:wallet_id>/details")
@login_required
def change(wallet_id: int) -> ResponseReturnValue:
    """A new name and gap limit. With a larger one the wallet is looked through further at once."""
    snapshot = open_wallet(wallet_id)
    form = _checked(request.form.get("name", ""), request.form.get("gap_limit", "").strip())
    if form.errors:
        return _page(snapshot, form, 400)
    with accounts().write() as writing:
        change_wallet(writing, wallet_id, name=form.name, gap_limit=int(form.gap_limit))
    return redirect(f"{request.script_root}/wallets/{wallet_id}/details", code=303)


@blueprint.post("/wallets/<int:wallet_id>/delete")
@login_required
def delete(wallet_id: int) -> ResponseReturnValue:
    """Forget the wallet here; what a browser keeps of its keys stays in that browser."""
    snapshot = open_wallet(wallet_id)
    wallet = snapshot.wallet
    if request.form.get("consent") != "yes":
        errors = {"consent": _("Tick the box if the wallet is to be deleted.")}
        return _page(snapshot, DetailsForm(wallet.name, str(wallet.gap_limit), errors), 400)
    with accounts().write() as writing:
        delete_wallet(writing, wallet_id)
    return redirect(f"{request.script_root}/wallets", code=303)


def _checked(name: str, gap_limit: str) -> DetailsForm:
    errors: dict[str, str] = {}
    name = " ".join(name.split())
    if not name:
        errors["name"] = _("Give the wallet a name.")
    elif len(name) > LONGEST_NAME:
        errors["name"] = _("The name is longer than %(count)s characters.", count=LONGEST_NAME)
    digits = (
        gap_limit.isascii() and gap_limit.isdigit() and len(gap_limit) <= len(str(MOST_GAP_LIMIT))
    )
    if not digits or not LEAST_GAP_LIMIT <= int(gap_limit) <= MOST_GAP_LIMIT:
        errors["gap_limit"] = _(
            "A whole number from %(least)s to %(most)s is expected.",
            least=LEAST_GAP_LIMIT,
            most=MOST_GAP_LIMIT,
        )
    return DetailsForm(name, gap_limit, errors)


def _page(snapshot: Snapshot, form: DetailsForm, status: int = 200) -> ResponseReturnValue:
    first = snapshot.accounts[0].account.purpose
    page = DetailsPage(
        snapshot,
        tuple(map(_details, snapshot.accounts)),
        form,
        tuple(map(account_words, purposes_of(network()))),
        1 + sum(each.account.purpose == first for each in snapshot.accounts),
    )
    return make_response(render_template("wallets/details.html", page=page), status)


def _details(state: AccountState) -> AccountDetails:
    parsed = state.account.parsed
    paths = tuple(write_path(key.origin) for key in parsed.keys)
    text = parsed.text
    return AccountDetails(state, paths, draw_qr(text) if len(text) <= LONGEST_CODE else None)
