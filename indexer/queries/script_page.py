"""All that the page of one address, or of any other script, shows."""

from dataclasses import dataclass

from sqlalchemy import Connection

from indexer.chain.address import address_of
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify
from indexer.keys import script_hash
from indexer.queries.coins import Coin, PendingCoin, coins, pending_coins
from indexer.queries.pulse import Pulse
from indexer.queries.scripts import (
    HistoryEntry,
    PendingEntry,
    PendingTotals,
    ScriptTotals,
    Sighting,
    history,
    pending_history,
    pending_totals,
    sighting,
    totals,
)

PAGE_SIZE = 25  # transactions, and coins, of one page
PENDING_SHOWN = 25
CHART_ROWS = 100  # transactions that the balance chart reaches back


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """Where a page of the history starts. `balance` is the one before that transaction, which is
    carried from page to page; None where it is not known."""

    before: int
    balance: int | None


@dataclass(frozen=True, slots=True)
class ScriptPage:
    """While `loading` the indexes by script do not exist yet, and there are no figures."""

    network: Network
    script: bytes
    script_hash: bytes
    script_type: ScriptType
    address: str | None
    loading: bool
    tip_height: int
    totals: ScriptTotals
    pending: PendingTotals
    first_seen: Sighting | None
    last_seen: Sighting | None
    cursor: HistoryCursor | None
    history: tuple[HistoryEntry, ...]
    next_history: HistoryCursor | None
    pending_history: tuple[PendingEntry, ...]
    coins: tuple[Coin, ...]
    next_coins: int | None  # an output_id
    pending_coins: tuple[PendingCoin, ...]
    chart: tuple[HistoryEntry, ...]  # newest first

    @property
    def balance(self) -> int:
        """Confirmed and pending together."""
        return self.totals.unspent + self.pending.delta

    @property
    def used(self) -> bool:
        return bool(self.totals.tx_count or self.pending.tx_count)


def script_page(
    connection: Connection,
    network: Network,
    pulse: Pulse,
    script: bytes,
    *,
    cursor: HistoryCursor | None = None,
    coins_before: int | None = None,
) -> ScriptPage:
    """The page of a script, used or not. Its cost does not depend on the length of the history."""
    loading = pulse.loading
    sums = ScriptTotals() if loading else totals(connection, script)
    shown: tuple[HistoryEntry, ...] = ()
    chart: tuple[HistoryEntry, ...] = ()
    unspent: tuple[Coin, ...] = ()
    if sums.tx_count:
        chart = history(connection, script, limit=CHART_ROWS, balance=sums.unspent)
        unspent = coins(connection, script, limit=PAGE_SIZE + 1, before=coins_before)
        if cursor is None:
            shown = chart[: PAGE_SIZE + 1]
        else:
            shown = history(
                connection,
                script,
                limit=PAGE_SIZE + 1,
                before=cursor.before,
                balance=cursor.balance,
            )
    first_pages = not loading and cursor is None and coins_before is None
    return ScriptPage(
        network=network,
        script=script,
        script_hash=script_hash(script),
        script_type=classify(script, network),
        address=address_of(script, network),
        loading=loading,
        tip_height=pulse.tip_height,
        totals=sums,
        pending=PendingTotals() if loading else pending_totals(connection, script),
        first_seen=sighting(connection, sums.first_tx_id),
        last_seen=sighting(connection, sums.last_tx_id),
        cursor=cursor,
        history=shown[:PAGE_SIZE],
        next_history=_next(shown),
        pending_history=(pending_history(connection, script, PENDING_SHOWN) if first_pages else ()),
        coins=unspent[:PAGE_SIZE],
        next_coins=unspent[PAGE_SIZE - 1].output_id if len(unspent) > PAGE_SIZE else None,
        pending_coins=pending_coins(connection, script, PENDING_SHOWN) if first_pages else (),
        chart=chart,
    )


def _next(shown: tuple[HistoryEntry, ...]) -> HistoryCursor | None:
    if len(shown) <= PAGE_SIZE:
        return None
    following = shown[PAGE_SIZE]
    return HistoryCursor(shown[PAGE_SIZE - 1].tx_id, following.balance)
