"""Wallets without keys: from an extended public key or a descriptor."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.network import Network
from wallet.descriptor import Descriptor, DescriptorError
from wallet.extended_keys import ExtendedKeyProblem, key_prefixes
from wallet.keys import Purpose, purposes_of
from webapp.account_words import account_words
from webapp.accounts.context import accounts, current_user, login_required
from webapp.context import network, pulse
from webapp.limits import costly
from webapp.pages.wallet_setup import usual_purpose
from webapp.sentences import translated
from webapp.wallets.opening import open_wallet
from webapp.wallets.requests import RequestError, read_wallet, words_of
from webapp.wallets.store import NewWallet, StoreError, create_wallet

SECRETS = (ExtendedKeyProblem.PRIVATE, ExtendedKeyProblem.WORDS)
LONGEST = 20_000  # characters

blueprint = Blueprint("wallet_watch", __name__)


@dataclass(frozen=True, slots=True)
class WatchForm:
    """What was typed, unless it was a secret, and what is wrong with it by field."""

    name: str
    key: str
    purpose: Purpose
    birthday: str
    prefixes: str
    errors: dict[str, str] = field(default_factory=dict)
    is_secret: bool = False


@blueprint.get("/wallets/new/watch")
@login_required
def show() -> ResponseReturnValue:
    return _page(_form(_("Watched wallet"), "", usual_purpose(network()), "0"))


@blueprint.post("/wallets/new/watch")
@login_required
@costly
def watch_it() -> ResponseReturnValue:
    name, key, birthday = (request.form.get(each, "") for each in ("name", "key", "birthday"))
    purpose = _purpose(request.form.get("purpose", ""), network())
    try:
        new = _read(name, key, purpose, birthday)
        with accounts().write() as writing:
            wallet_id = create_wallet(writing, current_user().id, network(), new)
    except DescriptorError as error:
        is_secret = error.reason in SECRETS
        errors = {"key": _words(error)}
        kept = "" if is_secret else key[:LONGEST]
        return _page(_form(name, kept, purpose, birthday, errors, is_secret=is_secret), 400)
    except (StoreError, RequestError) as error:
        refused = words_of(error) if isinstance(error, StoreError) else error
        return _page(_form(name, key[:LONGEST], purpose, birthday, _by_field(refused)), 400)
    if pulse() is not None:
        open_wallet(wallet_id)  # look for its history at once
    return redirect(url_for("wallet_history.show", wallet_id=wallet_id), code=303)


def _read(name: str, key: str, purpose: Purpose, birthday: str) -> NewWallet:
    """Raises DescriptorError or RequestError."""
    if len(key) > LONGEST:
        raise DescriptorError(_("This is longer than any descriptor."))
    descriptor = Descriptor.of_pasted(key, network(), purpose)
    height: Any = int(birthday) if re.fullmatch(r"[0-9]{1,10}", birthday) else birthday
    values = {
        "name": name,
        "kind": "watch",
        "birthday_height": height if birthday else 0,
        "accounts": [{"descriptor": descriptor.text}],
    }
    return read_wallet(values, network())


def _by_field(error: RequestError) -> dict[str, str]:
    """By the fields of this form."""
    names = {"name": "name", "birthday_height": "birthday"}
    return {names.get(each, "key"): text for each, text in error.errors.items()}


def _words(error: DescriptorError) -> str:
    words = {
        ExtendedKeyProblem.PRIVATE: _("This is a private key. Only a public key belongs here."),
        ExtendedKeyProblem.WORDS: _("These are the secret words of a wallet. Restore it instead."),
        ExtendedKeyProblem.CHECKSUM: _(
            "The checksum is wrong: a character is mistyped or missing."
        ),
    }
    return (words.get(error.reason) if error.reason else None) or translated(error)


def _purpose(text: str, on: Network) -> Purpose:
    known = {str(int(each)): each for each in purposes_of(on)}
    return known.get(text, usual_purpose(on))


def _form(
    name: str,
    key: str,
    purpose: Purpose,
    birthday: str,
    errors: dict[str, str] | None = None,
    *,
    is_secret: bool = False,
) -> WatchForm:
    prefixes = ", ".join(dict.fromkeys(each.name for each in key_prefixes(network())))
    return WatchForm(name, key, purpose, birthday, prefixes, errors or {}, is_secret)


def _page(form: WatchForm, status: int = 200) -> ResponseReturnValue:
    types = tuple(map(account_words, purposes_of(network())))
    return render_template("wallets/watch.html", form=form, types=types), status
