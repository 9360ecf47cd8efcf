"""Methods about scripts, each named by the SHA-256 of its scriptPubKey."""

from collections.abc import Iterator
from typing import Any

from indexer.chain.wire import hash_hex
from indexer.queries.coins import Coin, coins, pending_coins
from indexer.queries.script_events import pending_events
from indexer.queries.scripts import pending_totals, script_with_hash, totals
from webapp.electrum.call import Call
from webapp.electrum.limits import MAX_HISTORY
from webapp.electrum.parameters import hash_bytes, refuse
from webapp.electrum.status import history_of

COINS_AT_ONCE = 2_000


def get_balance(call: Call, scripthash: Any) -> Any:
    """Confirmed, and what the mempool would change."""
    script = _script(call, scripthash)
    if script is None:
        return {"confirmed": 0, "unconfirmed": 0}
    return {
        "confirmed": totals(call.connection, script).unspent,
        "unconfirmed": pending_totals(call.connection, script).delta,
    }


def get_history(call: Call, scripthash: Any) -> Any:
    """All transactions, confirmed ones in chain order."""
    script = _script(call, scripthash)
    if script is None:
        return []
    _require_length(totals(call.connection, script).tx_count, "transactions")
    confirmed = [
        {"height": event.height, "tx_hash": hash_hex(event.txid)}
        for event in history_of(call.connection, script)
    ]
    return confirmed + _pending(call, scripthash)


def get_mempool(call: Call, scripthash: Any) -> Any:
    """Unconfirmed transactions: height -1 where they spend another such one, else 0."""
    hash_bytes(scripthash, "scripthash")
    call.require_scripts()
    return _pending(call, scripthash)


def listunspent(call: Call, scripthash: Any) -> Any:
    """What the mempool leaves unspent, in chain order, and then what it adds."""
    script = _script(call, scripthash)
    if script is None:
        return []
    _require_length(totals(call.connection, script).unspent_count, "coins")
    found = [
        _coin(coin.txid, coin.vout, coin.value, coin.height)
        for coin in _all_coins(call, script)
        if coin.spent_by is None
    ]
    found.reverse()
    return found + [
        _coin(coin.txid, coin.vout, coin.value, 0)
        for coin in pending_coins(call.connection, script, MAX_HISTORY)
        if coin.spent_by is None
    ]


def _script(call: Call, scripthash: Any) -> bytes | None:
    """The script, None if nobody ever used it."""
    wanted = hash_bytes(scripthash, "scripthash")
    call.require_scripts()
    return script_with_hash(call.connection, wanted)


def _pending(call: Call, scripthash: str) -> list[dict[str, Any]]:
    wanted = hash_bytes(scripthash, "scripthash")
    found = pending_events(call.connection, [wanted]).get(wanted, ())
    return [
        {"fee": event.fee, "height": -1 if event.chained else 0, "tx_hash": hash_hex(event.txid)}
        for event in found
    ]


def _all_coins(call: Call, script: bytes) -> Iterator[Coin]:
    before: int | None = None
    while True:
        page = coins(call.connection, script, limit=COINS_AT_ONCE, before=before)
        yield from page
        if len(page) < COINS_AT_ONCE:
            return
        before = page[-1].output_id


def _coin(txid: bytes, vout: int, value: int, height: int) -> dict[str, Any]:
    return {"height": height, "tx_hash": hash_hex(txid), "tx_pos": vout, "value": value}


def _require_length(count: int, what: str) -> None:
    """The protocol has no pages: an answer that no client could take is refused."""
    if count > MAX_HISTORY:
        refuse(
            f"history too large: this script has {count} {what}, and one answer holds at most "
            f"{MAX_HISTORY}. The REST interface gives them page by page"
        )
