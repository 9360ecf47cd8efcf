"""A wallet's coins: what can be spent, what cannot yet, and what is frozen."""

from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.accounts.context import accounts, login_required
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.preferences import safe_path
from webapp.topics import wallet_topic
from webapp.wallets.coins import CoinList, Order, list_coins, outpoint_text
from webapp.wallets.labels import freeze
from webapp.wallets.opening import open_wallet
from webapp.wallets.snapshot import Snapshot

blueprint = Blueprint("wallet_coins", __name__)


@dataclass(frozen=True, slots=True)
class CoinsPage:
    """`account_id` is None where the coins of several accounts are listed."""

    snapshot: Snapshot
    account_id: int | None
    order: Order
    found: CoinList

    @property
    def first_path(self) -> str | None:
        return self.path() if self.found.starts_at else None

    @property
    def next_path(self) -> str | None:
        return self.path(after=self.found.lines[-1].outpoint) if self.found.has_more else None

    def path(self, **changes: object) -> str:
        """Of this list with other choices, from its beginning."""
        chosen = {"account": self.account_id, "order": self.order, **changes}
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        return f"{url_for('wallet_coins.show', wallet_id=self.snapshot.wallet.id)}?{query}"


@blueprint.get("/wallets/<int:wallet_id>/coins")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    order = cast(Order, request.args.get("order", "newest"))
    if order not in get_args(Order):
        abort(404, _("Coins are not listed in this order."))
    account_id = _account(snapshot)
    with accounts().read() as reading:
        found = list_coins(
            reading, snapshot, order, account_id=account_id, after=request.args.get("after")
        )
    watch("tip", wallet_topic(wallet_id))
    page = CoinsPage(snapshot, account_id, order, found)
    return render_template("wallets/coins.html", page=page)


def _account(snapshot: Snapshot) -> int | None:
    if len(snapshot.accounts) == 1:
        return snapshot.accounts[0].account.id
    account_id = whole_number("account")
    if account_id is not None and snapshot.account(account_id) is None:
        abort(404, _("The wallet has no such account."))
    return account_id


@blueprint.post("/wallets/<int:wallet_id>/coins")
@login_required
def change(wallet_id: int) -> ResponseReturnValue:
    """Freeze a coin (outpoint=txid:vout, frozen=yes) or release it."""
    snapshot = open_wallet(wallet_id)
    outpoint = request.form.get("outpoint", "")
    if outpoint not in map(outpoint_text, snapshot.coins):
        abort(404, _("The wallet has no such coin any more."))
    with accounts().write() as writing:
        freeze(writing, wallet_id, outpoint, frozen=request.form.get("frozen") == "yes")
    own = url_for("wallet_coins.show", wallet_id=wallet_id)
    return redirect(safe_path(request.form.get("next") or own), code=303)
