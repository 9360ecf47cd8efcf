"""Messages: signed by a wallet in the browser, verified by anybody here."""

from dataclasses import dataclass, field

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.address import AddressError, script_of
from wallet.descriptor_keys import write_path
from wallet.message import MAX_MESSAGE, Problem, Verdict, Verification, verify_message
from webapp.accounts.context import accounts, login_required, owned_wallet
from webapp.address_words import address_words
from webapp.context import network
from webapp.limits import costly
from webapp.wallets.opening import open_wallet
from webapp.wallets.store import Account, Wallet

blueprint = Blueprint("wallet_messages", __name__)


@dataclass(frozen=True, slots=True)
class VerifyForm:
    """What was typed, what is wrong with it by field, and what it turned out to be."""

    address: str = ""
    message: str = ""
    signature: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    result: Verification | None = None
    reason: str = ""


@blueprint.get("/wallets/<int:wallet_id>/messages")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    with accounts().read() as reading:
        wallet = Wallet.of(owned_wallet(reading, wallet_id))
    if wallet.kind != "vault":
        abort(404, _("This wallet is watched only: it has no keys to sign with."))
    address = request.args.get("address", "")[:120]
    return render_template("wallets/messages.html", wallet=wallet, address=address)


@blueprint.post("/wallets/<int:wallet_id>/messages/place")
@login_required
def place(wallet_id: int) -> ResponseReturnValue:
    """JSON {address} -> where the wallet has it from: {purpose, account, path, branch, index};
    400 {errors} if it is no address of the wallet."""
    snapshot = open_wallet(wallet_id)
    body = request.get_json(silent=True)
    address = str(body.get("address", "")).strip() if isinstance(body, dict) else ""
    try:
        found = snapshot.owned.find(script_of(address, network()))
    except AddressError as error:
        return _refused(address_words(error))
    state = None if found is None else snapshot.account(found.account_id)
    if found is None or state is None or state.account.purpose is None:
        return _refused(_("This address is not of this wallet."))
    return jsonify(
        address=address,
        purpose=int(state.account.purpose),
        account=state.account.account_index or 0,
        path=_path_of(state.account),
        branch=int(found.branch),
        index=found.position,
    )


def _path_of(account: Account) -> str | None:
    """The path of an account that is not one of the usual."""
    return write_path(account.parsed.keys[0].origin) if account.account_index is None else None


def _refused(sentence: str) -> ResponseReturnValue:
    return jsonify(errors={"address": sentence}), 400


@blueprint.get("/wallets/verify-message")
def show_verify() -> ResponseReturnValue:
    return render_template("wallets/verify.html", form=VerifyForm())


@blueprint.post("/wallets/verify-message")
@costly
def verify() -> ResponseReturnValue:
    """Nothing of it is kept."""
    typed = {name: request.form.get(name, "") for name in ("address", "message", "signature")}
    typed["message"] = typed["message"].replace("\r\n", "\n")  # as browsers send what has "\n"
    errors = {name: _("This is missing.") for name in ("address", "signature") if not typed[name]}
    result = None
    if not errors:
        try:
            result = verify_message(**typed, network=network())
        except AddressError as error:
            errors["address"] = address_words(error)
    reason = "" if result is None else _reason(result)
    form = VerifyForm(**typed, errors=errors, result=result, reason=reason)
    return render_template("wallets/verify.html", form=form), 400 if errors else 200


def _reason(result: Verification) -> str:
    if result.verdict is Verdict.VALID or result.problem is None:
        return ""
    words: dict[Problem, str] = {
        Problem.ENCODING: _(
            "The signature is not of a known form, or the message is longer than %(most)s bytes.",
            most=MAX_MESSAGE,
        ),
        Problem.SIGNATURE: _("The signature is not by this address, or the message differs."),
        Problem.OTHER_MESSAGE: _("The signature is for another message."),
        Problem.OTHER_ADDRESS: _("The signature is by another address."),
        Problem.NOT_FOR_ADDRESS: _("Addresses of this kind are signed for in another form."),
        Problem.SCRIPT: _("The script of this address is of a kind that is not verified here."),
        Problem.PROOF_OF_FUNDS: _("It is a proof of funds, which is not verified here."),
        Problem.VERSION: _("It is of a version that is not known here."),
    }
    return words[result.problem]
