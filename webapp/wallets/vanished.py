"""Payments to a wallet that were seen waiting and will not come: others took their place."""

import time
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection

from indexer.chain.encoding import parse_transaction
from indexer.chain.network import Network
from indexer.queries.script_sets import replaced_since
from indexer.queries.transactions import find_all_confirmed
from webapp.wallets.snapshot import Snapshot

LATELY = 3 * 86_400  # seconds for which a payment is missed
MOST_LOOKED_AT = 500  # of the latest replacements
MOST_PARSED = 4096


@dataclass(frozen=True, slots=True)
class Vanished:
    """`replaced_by` is the last version of it: none of the wallet's coins go there or come."""

    txid: bytes
    replaced_by: bytes
    replaced_at: int
    received: int  # by the wallet, had it been confirmed


def vanished(index: Connection, snapshot: Snapshot) -> tuple[Vanished, ...]:
    """The latest first, of several versions of a payment the last that paid the wallet. A bump that
    still pays it, or that it paid for, is none."""
    lately = replaced_since(index, int(time.time()) - LATELY, MOST_LOOKED_AT)
    following = {each.txid: each.replaced_by for each in lately}
    missed = [
        Vanished(each.txid, _last(following, each.txid), each.replaced_at, received)
        for each in lately
        if (received := _received(snapshot, each.raw))
    ]
    waiting = {each.txid for each in snapshot.pending.movements}
    named = {txid for each in missed for txid in (each.txid, each.replaced_by)}
    here = waiting | _confirmed(index, snapshot, named - waiting)
    versions = {each.txid for each in missed}
    older = {txid for txid, after in following.items() if after in versions}
    return tuple(
        each
        for each in missed
        if each.txid not in older and here.isdisjoint((each.txid, each.replaced_by))
    )


def _last(following: dict[bytes, bytes], txid: bytes) -> bytes:
    """The version that nothing replaced, as far as is known."""
    passed = {txid}
    while (after := following.get(txid)) is not None and after not in passed:
        passed.add(after)
        txid = after
    return txid


def _received(snapshot: Snapshot, raw: bytes) -> int:
    places = snapshot.owned.wanted.places
    return sum(value for script, value in _outputs(raw, snapshot.network) if script in places)


@lru_cache(MOST_PARSED)
def _outputs(raw: bytes, network: Network) -> tuple[tuple[bytes, int], ...]:
    return tuple((each.script, each.value) for each in parse_transaction(raw, network).outputs)


def _confirmed(index: Connection, snapshot: Snapshot, txids: set[bytes]) -> set[bytes]:
    """Those of these that are in the wallet's history."""
    if not txids:
        return set()
    found = find_all_confirmed(index, sorted(txids))
    rows = snapshot.ledger.rows_by_tx_id
    return {txid for txid, summary in found.items() if summary.tx_id in rows}
