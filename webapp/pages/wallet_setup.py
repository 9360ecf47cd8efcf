"""Making a wallet: new words, words one has, a public key, a backup file.

The first two and the last happen in the browser; these pages only carry its script.
"""

from dataclasses import dataclass

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.network import Network
from wallet.descriptor import Descriptor, DescriptorError
from wallet.keys import Branch, Purpose, purposes_of
from webapp.account_words import AccountWords, account_words
from webapp.accounts.context import accounts, current_user, login_required
from webapp.context import connection, network, pulse
from webapp.limits import costly
from webapp.sentences import translated
from webapp.wallets.scan import extend
from webapp.wallets.store import DEFAULT_GAP_LIMIT, wallets_of

MOST_PROBED = 8  # accounts of one request

blueprint = Blueprint("wallet_setup", __name__)


@dataclass(frozen=True, slots=True)
class KnownWallet:
    """A wallet with keys that this person has already."""

    id: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SetupView:
    """What the pages of making a wallet show. A new wallet's birthday is `tip_height`."""

    network: Network
    types: tuple[AccountWords, ...]
    usual: Purpose
    known: tuple[KnownWallet, ...]
    tip_height: int


@blueprint.get("/wallets/new")
@login_required
def choose() -> ResponseReturnValue:
    return render_template("wallets/new.html")


@blueprint.get("/wallets/new/create")
@login_required
def create() -> ResponseReturnValue:
    return render_template("wallets/create.html", view=_view())


@blueprint.get("/wallets/new/restore")
@login_required
def restore() -> ResponseReturnValue:
    return render_template("wallets/restore.html", view=_view())


@blueprint.get("/wallets/new/import")
@login_required
def import_file() -> ResponseReturnValue:
    return render_template("wallets/import.html", view=_view())


@blueprint.post("/wallets/new/used")
@login_required
@costly
def used() -> ResponseReturnValue:
    """JSON {descriptors: [...]} -> {used: [...]}: of each account, whether the chain or the
    mempool knows one of its first addresses."""
    body = request.get_json()
    texts = body.get("descriptors") if isinstance(body, dict) else None
    if not isinstance(texts, list) or not 0 < len(texts) <= MOST_PROBED:
        abort(400, _("A list of 1 to %(most)s descriptors is expected.", most=MOST_PROBED))
    try:
        descriptors = [Descriptor.parse(str(text), network()) for text in texts]
    except DescriptorError as error:
        abort(400, translated(error))
    return jsonify(used=[_is_used(descriptor) for descriptor in descriptors])


def _is_used(descriptor: Descriptor) -> bool:
    return any(
        extend(
            connection(),
            descriptor,
            branch,
            known=0,
            last_used=None,
            gap_limit=DEFAULT_GAP_LIMIT,
            most=DEFAULT_GAP_LIMIT,
        ).scan.last_used
        is not None
        for branch in Branch
    )


def usual_purpose(on: Network) -> Purpose:
    """The kind of account that most people want."""
    return Purpose.P2WPKH if Purpose.P2WPKH in purposes_of(on) else Purpose.P2PKH


def _view() -> SetupView:
    types = tuple(map(account_words, purposes_of(network())))
    with accounts().read() as private:
        mine = wallets_of(private, current_user().id, network())
    known = tuple(
        KnownWallet(each.id, each.name, each.fingerprint) for each in mine if each.fingerprint
    )
    now = pulse()
    tip_height = 0 if now is None else max(now.tip_height, 0)
    return SetupView(network(), types, usual_purpose(network()), known, tip_height)
