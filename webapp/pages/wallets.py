"""The list of somebody's wallets, and keeping a new wallet or account."""

from dataclasses import dataclass

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.accounts.context import accounts, current_user, login_required, owned_wallet
from webapp.charts import Sparkline, sparkline
from webapp.context import network, pulse
from webapp.limits import costly
from webapp.live import watch
from webapp.topics import wallet_topic
from webapp.wallets.opening import open_wallet, opener
from webapp.wallets.requests import RequestError, read_account, read_wallet, words_of
from webapp.wallets.snapshot import Balance, Snapshot, sum_balances
from webapp.wallets.store import (
    StoreError,
    Wallet,
    add_account,
    create_wallet,
    wallets_of,
)

MOST_WATCHED = 5  # wallets; a reader of more is told of every change of the mempool

blueprint = Blueprint("wallets", __name__)


@dataclass(frozen=True, slots=True)
class WalletLine:
    """A wallet as the list shows it."""

    snapshot: Snapshot
    sparkline: Sparkline | None

    @property
    def wallet(self) -> Wallet:
        return self.snapshot.wallet


@dataclass(frozen=True, slots=True)
class WalletsPage:
    """What the template shows. `total` is None where there is nothing to add up."""

    lines: tuple[WalletLine, ...]
    total: Balance | None


@blueprint.get("/wallets")
@login_required
def show() -> ResponseReturnValue:
    lines: tuple[WalletLine, ...] = ()
    if pulse() is not None:
        with accounts().read() as reading:
            found = wallets_of(reading, current_user().id, network())
        opening = opener()
        lines = tuple(_line(opening.open(each)) for each in found)
        ids = [each.id for each in found]
        watch("tip", *(map(wallet_topic, ids) if len(ids) <= MOST_WATCHED else ("mempool",)))
    total = sum_balances(line.snapshot.balance for line in lines) if len(lines) > 1 else None
    return render_template("wallets/list.html", page=WalletsPage(lines, total))


@blueprint.post("/wallets")
@login_required
@costly
def create() -> ResponseReturnValue:
    """JSON {name, kind, fingerprint, birthday_height, accounts: [{purpose, account_index,
    descriptor}]} -> 201 {url}, or 400 {errors: {field: sentence}}."""
    try:
        new = read_wallet(request.get_json(silent=True), network())
        with accounts().write() as writing:
            wallet_id = create_wallet(writing, current_user().id, network(), new)
    except StoreError as error:
        return _refused(words_of(error))
    except RequestError as error:
        return _refused(error)
    return _created(wallet_id)


@blueprint.post("/wallets/<int:wallet_id>/accounts")
@login_required
@costly
def create_account(wallet_id: int) -> ResponseReturnValue:
    """JSON {purpose, account_index, descriptor} -> 201 {url}, or 400 {errors}."""
    with accounts().read() as reading:
        wallet = Wallet.of(owned_wallet(reading, wallet_id))
    fingerprint = wallet.fingerprint if wallet.kind == "vault" else None
    try:
        new = read_account(request.get_json(silent=True), network(), fingerprint)
        with accounts().write() as writing:
            add_account(writing, wallet_id, new)
    except StoreError as error:
        return _refused(words_of(error))
    except RequestError as error:
        return _refused(error)
    return _created(wallet_id)


def _created(wallet_id: int) -> ResponseReturnValue:
    if pulse() is not None:
        open_wallet(wallet_id)  # look for its history at once
    url = url_for("wallet_history.show", wallet_id=wallet_id)
    return jsonify(url=url), 201, {"Location": url}


def _refused(error: RequestError) -> ResponseReturnValue:
    return jsonify(errors=error.errors), 400


def _line(snapshot: Snapshot) -> WalletLine:
    points = [(float(point.time), float(point.balance)) for point in snapshot.settled.chart]
    return WalletLine(snapshot, sparkline(points))
