"""A wallet's addresses: used and unused, of both branches, with what they hold."""

from dataclasses import dataclass
from typing import Final, cast, get_args
from urllib.parse import urlencode

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from wallet.keys import Branch
from wallet.labels import LabelType
from webapp.accounts.context import accounts, login_required
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.topics import wallet_topic
from webapp.wallets.addresses import AddressList, Shown, list_addresses
from webapp.wallets.labels import labels_for
from webapp.wallets.opening import open_wallet
from webapp.wallets.snapshot import AccountState, Snapshot

BRANCHES: Final = {"receive": Branch.RECEIVE, "change": Branch.CHANGE}

blueprint = Blueprint("wallet_addresses", __name__)


@dataclass(frozen=True, slots=True)
class AddressesPage:
    """What the template shows. `labels` by address; `next_path` leads to what follows."""

    snapshot: Snapshot
    state: AccountState
    branch: str  # of BRANCHES
    shown: Shown
    found: AddressList
    labels: dict[str, str]
    first_path: str | None
    next_path: str | None

    def path(self, **changes: object) -> str:
        """Of this page with other choices, from its beginning."""
        chosen = {"account": self.state.account.id, "branch": self.branch, "show": self.shown}
        return _path(self.snapshot, **{**chosen, **changes})


@blueprint.get("/wallets/<int:wallet_id>/addresses")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    state = _account(snapshot)
    branch = request.args.get("branch", "receive")
    shown = cast(Shown, request.args.get("show", "all"))
    if branch not in BRANCHES or shown not in get_args(Shown):
        abort(404, _("There is no such list of addresses."))
    start = whole_number("from", default=0) or 0
    found = list_addresses(snapshot, state.account.id, BRANCHES[branch], shown, start)
    with accounts().read() as reading:
        labels = labels_for(
            reading, wallet_id, [(LabelType.ADDR, line.address) for line in found.lines]
        )
    watch("tip", wallet_topic(wallet_id))
    chosen = {"account": state.account.id, "branch": branch, "show": shown}
    page = AddressesPage(
        snapshot,
        state,
        branch,
        shown,
        found,
        {address: text for (_type, address), text in labels.items()},
        first_path=_path(snapshot, **chosen) if start else None,
        next_path=None
        if found.next_start is None
        else _path(snapshot, **chosen, **{"from": found.next_start}),
    )
    return render_template("wallets/addresses.html", page=page)


def _account(snapshot: Snapshot) -> AccountState:
    account_id = whole_number("account")
    if account_id is None:
        return snapshot.accounts[0]
    return snapshot.account(account_id) or abort(404, _("The wallet has no such account."))


def _path(snapshot: Snapshot, **chosen: object) -> str:
    address = url_for("wallet_addresses.show", wallet_id=snapshot.wallet.id)
    return f"{address}?{urlencode(chosen)}"
