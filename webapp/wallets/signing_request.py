"""What a page needs of a draft to have its browser's worker check and sign it."""

from typing import Any

from indexer.chain.encoding import Transaction, hash_hex
from wallet.descriptor_keys import write_path
from wallet.extended_keys import HARDENED
from wallet.psbt import parse_psbt
from webapp.wallets.amounts import TypedNumberError, read_amount, read_fee_rate
from webapp.wallets.drafts import Draft
from webapp.wallets.snapshot import AccountState, Snapshot


def signing_request(
    draft: Draft, snapshot: Snapshot, url: str, replaced: Transaction | None
) -> dict[str, Any]:
    """As static/src/wallet/review.ts reads it. `recipients` and `feeRate` are what was typed: the
    send page puts what stands in its own fields in their place. `replaced` is the transaction
    that the draft bumps or cancels."""
    assert draft.psbt is not None
    psbt = parse_psbt(draft.psbt, snapshot.network)
    return {
        "url": url,
        "psbt": psbt.base64,
        "locktime": psbt.tx.locktime,
        "sequence": psbt.tx.inputs[0].sequence,
        "gapLimit": snapshot.wallet.gap_limit,
        "accounts": [
            _account(each) for each in snapshot.accounts if each.account.purpose is not None
        ],
        "recipients": _recipients(draft, snapshot),
        "feeRate": _typed_rate(draft, snapshot),
        "replaces": None
        if replaced is None
        else [
            {"txid": hash_hex(each.prev_txid), "vout": each.prev_vout} for each in replaced.inputs
        ],
    }


def _account(state: AccountState) -> dict[str, Any]:
    account = state.account
    assert account.purpose is not None
    told: dict[str, Any] = {
        "purpose": int(account.purpose),
        "account": account.account_index or 0,
        "lastUsed": {
            "receive": _position(state.receive.scan.last_used),
            "change": _position(state.change.scan.last_used),
        },
    }
    usual = (
        HARDENED + account.purpose,
        HARDENED + account.network.coin_type,
        HARDENED + (account.account_index or 0),
    )
    path = account.parsed.keys[0].origin
    if path != usual:
        told["path"] = write_path(path)
    return told


def _position(last_used: int | None) -> int:
    return -1 if last_used is None else last_used


def _recipients(draft: Draft, snapshot: Snapshot) -> list[dict[str, str]]:
    form = draft.form
    found = []
    for number, row in enumerate(form.recipients):
        if number == form.everything:
            found.append({"address": row.to, "amount": "all"})
        elif not row.blank:
            amount = read_amount(row.amount, form.unit, snapshot.network)
            found.append({"address": row.to, "amount": str(amount)})
    return found


def _typed_rate(draft: Draft, snapshot: Snapshot) -> int | None:
    """Per 1000 vbytes; None where a target was chosen."""
    if draft.form.fee != "rate":
        return None
    try:
        return read_fee_rate(draft.form.rate, snapshot.network)
    except TypedNumberError:
        return None
