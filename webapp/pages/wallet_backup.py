"""The backup of a wallet's keys. All of it happens in the browser; the page carries its script."""

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.accounts.context import accounts, login_required, owned_wallet
from webapp.wallets.store import Wallet

blueprint = Blueprint("wallet_backup", __name__)


@blueprint.get("/wallets/<int:wallet_id>/backup")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    with accounts().read() as reading:
        wallet = Wallet.of(owned_wallet(reading, wallet_id))
    if wallet.kind != "vault":
        abort(404, _("This wallet is watched only: it has no keys to back up."))
    return render_template("wallets/backup.html", wallet=wallet)
