"""The demo's faucet, on every page of a wallet."""

import logging
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter import RequestLimit

from indexer.chain.encoding import hash_hex
from indexer.node.base import NodeError
from webapp.accounts.context import login_required
from webapp.context import connection, network, services
from webapp.demo import faucet
from webapp.limits import limiter
from webapp.wallets.opening import open_wallet

logger = logging.getLogger(__name__)

ALLOWANCE: Final = "10 per minute"

blueprint = Blueprint("wallet_faucet", __name__)


def faucet_gift() -> int | None:
    """What the faucet gives at once; None where there is no faucet."""
    return faucet.GIFT if services().demo else None


def _told(text: str, wallet_id: int, txid: str | None = None) -> Response:
    if "HX-Request" in request.headers:
        return make_response(render_template("wallets/faucet.html", text=text, txid=txid))
    return make_response(redirect(f"{request.script_root}/wallets/{wallet_id}", code=303))


def _too_often(_limit: RequestLimit) -> Response:
    assert request.view_args is not None
    text = _("The faucet gives ten times a minute to one reader. Wait a little.")
    return _told(text, request.view_args["wallet_id"])


@blueprint.post("/wallets/<int:wallet_id>/faucet")
@limiter.limit(ALLOWANCE, on_breach=_too_often)
@login_required
def give(wallet_id: int) -> ResponseReturnValue:
    """Send test coins to the wallet's next receive address."""
    if not services().demo:
        abort(404)
    account = open_wallet(wallet_id).accounts[0]
    try:
        txid = faucet.give(connection(), network(), account.receive.next_script)
    except faucet.FaucetEmptyError:
        return _told(_("The faucet is empty: try again after the next block."), wallet_id)
    except NodeError as error:
        logger.warning("the faucet gave nothing: %s", error)
        return _told(_("The faucet cannot be reached at the moment."), wallet_id)
    return _told(_("Test coins are on their way."), wallet_id, hash_hex(txid))


blueprint.add_app_template_global(faucet_gift)
