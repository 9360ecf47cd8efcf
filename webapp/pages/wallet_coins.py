"""A wallet's coins: what can be spent, what cannot yet, and what is frozen."""

from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.accounts.context import accounts, login_required
from webapp.live import watch
from webapp.preferences import safe_path
from webapp.topics import wallet_topic
from webapp.wallets.coins import CoinList, Order, list_coins, outpoint_text
from webapp.wallets.labels import freeze
from webapp.wallets.opening import open_wallet
from webapp.wallets.snapshot import Snapshot

blueprint = Blueprint("wallet_coins", __name__)


@dataclass(frozen=True, slots=True)
class CoinsPage:
    snapshot: Snapshot
    order: Order
    found: CoinList

    @property
    def first_path(self) -> str | None:
        return self.path(self.order) if self.found.starts_at else None

    @property
    def next_path(self) -> str | None:
        if not self.found.has_more:
            return None
        return self.path(self.order, after=self.found.lines[-1].outpoint)

    def path(self, order: Order, **more: str) -> str:
        address = url_for("wallet_coins.show", wallet_id=self.snapshot.wallet.id)
        return f"{address}?{urlencode({'order': order, **more})}"


@blueprint.get("/wallets/<int:wallet_id>/coins")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    order = cast(Order, request.args.get("order", "newest"))
    if order not in get_args(Order):
        abort(404, _("Coins are not listed in this order."))
    with accounts().read() as reading:
        found = list_coins(reading, snapshot, order, request.args.get("after"))
    watch("tip", wallet_topic(wallet_id))
    return render_template("wallets/coins.html", page=CoinsPage(snapshot, order, found))


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
