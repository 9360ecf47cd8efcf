"""The transactions of a wallet, newest first: filtered, page by page."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.encoding import hash_hex
from indexer.keys import TxFlag
from indexer.queries.script_sets import (
    ConfirmedLine,
    PendingMovement,
    ScriptSet,
    confirmed_lines,
    movements,
)
from wallet.labels import LabelRecord, LabelType
from webapp.wallets.ledger import Ledger, make_ledger
from webapp.wallets.snapshot import Snapshot

PAGE_SIZE = 25
LINES_AT_ONCE = 1000
CLOCK_SLACK = 7200  # seconds by which the times of blocks may run backwards

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions are wanted. Times are seconds since 1970: from `since` to before
    `until`."""

    text: str = ""
    direction: Direction | None = None
    since: int | None = None
    until: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction of the wallet. `balance` is the one after it, and `height` its block's; both
    are None while it is unconfirmed. `fee` is None where somebody else paid it."""

    txid: bytes
    tx_id: int | None
    received: int
    sent: int
    balance: int | None
    height: int | None
    time: int  # of the block, or when it was first seen
    fee: int | None
    flags: TxFlag

    @property
    def delta(self) -> int:
        return self.received - self.sent

    def confirmations(self, tip_height: int) -> int:
        return 0 if self.height is None else tip_height - self.height + 1


@dataclass(frozen=True, slots=True)
class History:
    """One page. `next_before` leads to the next, where there is one."""

    pending: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    next_before: int | None


class Reader:
    """Reads the history of one snapshot under one filter. `labels` are those with its text."""

    def __init__(
        self,
        index: Connection,
        snapshot: Snapshot,
        wanted: Filter,
        labels: Iterable[LabelRecord] = (),
    ) -> None:
        self._index = index
        self._snapshot = snapshot
        self._filter = wanted
        self._counts = _counts(snapshot, wanted.account_id)
        self._ledger = (
            snapshot.ledger
            if wanted.account_id is None
            else make_ledger(snapshot.settled.movements, self._counts)
        )
        self._text = _TextFilter(index, snapshot, wanted.text, labels) if wanted.text else None

    def page(self, before: int | None) -> History:
        """The newest transactions with a tx_id below `before`; from the top with those pending."""
        found: list[Entry] = []
        for entry in self.confirmed(before):
            found.append(entry)
            if len(found) > PAGE_SIZE:
                break
        more = len(found) > PAGE_SIZE
        return History(
            tuple(self.pending()) if before is None else (),
            tuple(found[:PAGE_SIZE]),
            found[PAGE_SIZE - 1].tx_id if more else None,
        )

    def confirmed(self, before: int | None = None) -> Iterator[Entry]:
        """All confirmed transactions that are wanted, newest first."""
        ledger = self._ledger
        row = len(ledger) if before is None else bisect_left(ledger.tx_ids, before)
        at_once = PAGE_SIZE + 1
        while row > 0:
            rows: list[int] = []
            while row > 0 and len(rows) < at_once:
                row -= 1
                if self._goes_the_way(ledger.received[row] - ledger.sent[row]):
                    rows.append(row)
            lines = confirmed_lines(self._index, [ledger.tx_ids[each] for each in rows])
            for each in rows:
                line = lines[ledger.tx_ids[each]]
                if self._is_over(line):
                    return
                if self._is_wanted(line):
                    yield _confirmed_entry(ledger, each, line)
            at_once = min(2 * at_once, LINES_AT_ONCE)

    def pending(self) -> Iterator[Entry]:
        """Those of the mempool, newest first."""
        sums: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
        about: dict[bytes, PendingMovement] = {}
        places: dict[bytes, set[int]] = defaultdict(set)
        for each in self._snapshot.pending.movements:
            if self._counts(each.place):
                sums[each.txid][0] += each.received
                sums[each.txid][1] += each.sent
                about[each.txid] = each
                places[each.txid].add(each.place)
        for txid, (received, sent) in sums.items():
            entry = _pending_entry(about[txid], received, sent)
            if (
                self._goes_the_way(entry.delta)
                and self._in_time(entry.time)
                and (self._text is None or self._text.matches_pending(txid, places[txid]))
            ):
                yield entry

    def _goes_the_way(self, delta: int) -> bool:
        match self._filter.direction:
            case "in":
                return delta > 0
            case "out":
                return delta < 0
        return True

    def _in_time(self, time: int) -> bool:
        since, until = self._filter.since, self._filter.until
        return (since is None or time >= since) and (until is None or time < until)

    def _is_over(self, line: ConfirmedLine) -> bool:
        """No older transaction can lie in the time that is wanted."""
        since = self._filter.since
        return since is not None and line.time < since - CLOCK_SLACK

    def _is_wanted(self, line: ConfirmedLine) -> bool:
        return self._in_time(line.time) and (
            self._text is None or self._text.matches(line.txid, line.tx_id)
        )


class _TextFilter:
    """Finds a text in txids, in the wallet's addresses and in labels; an address of somebody else
    where it is given in full."""

    def __init__(
        self, index: Connection, snapshot: Snapshot, text: str, labels: Iterable[LabelRecord]
    ) -> None:
        self._text = text.casefold()
        records = list(labels)
        self._txids = {
            each.ref.partition(":")[0] for each in records if each.type is not LabelType.ADDR
        }
        addresses = {each.ref for each in records if each.type is LabelType.ADDR}
        self._places = set(_places_of(snapshot, text, addresses))
        moved = snapshot.settled.movements
        self._tx_ids = {
            tx_id
            for place, tx_id in zip(moved.places, moved.tx_ids, strict=True)
            if place in self._places
        }
        strangers = _strangers(snapshot, text, addresses)
        self._tx_ids.update(movements(index, ScriptSet(strangers)).tx_ids)

    def matches(self, txid: bytes, tx_id: int) -> bool:
        return tx_id in self._tx_ids or self._matches_txid(txid)

    def matches_pending(self, txid: bytes, places: set[int]) -> bool:
        return not self._places.isdisjoint(places) or self._matches_txid(txid)

    def _matches_txid(self, txid: bytes) -> bool:
        written = hash_hex(txid)
        return self._text in written or written in self._txids


def _counts(snapshot: Snapshot, account_id: int | None) -> Callable[[int], bool]:
    if account_id is None:
        return lambda place: True
    runs = [run for run in snapshot.owned.runs if run.account_id == account_id]
    return lambda place: any(run.first <= place < run.first + run.count for run in runs)


def _places_of(snapshot: Snapshot, text: str, addresses: set[str]) -> Iterator[int]:
    """Places of the wallet's used addresses that have such a label or hold the text."""
    scripts = snapshot.owned.wanted.scripts
    used = set(snapshot.settled.movements.places)
    used.update(each.place for each in snapshot.pending.movements)
    for place in used:
        address = address_of(scripts[place], snapshot.network) or ""
        if address in addresses or text.casefold() in address.casefold():
            yield place


def _strangers(snapshot: Snapshot, text: str, addresses: set[str]) -> Iterator[bytes]:
    """Scripts of somebody else's addresses that have such a label or are the text."""
    for address in (text, *addresses):
        try:
            script = script_of(address, snapshot.network)
        except AddressError:
            continue
        if snapshot.owned.find(script) is None:
            yield script


def _confirmed_entry(ledger: Ledger, row: int, line: ConfirmedLine) -> Entry:
    received, sent = ledger.received[row], ledger.sent[row]
    return Entry(
        txid=line.txid,
        tx_id=line.tx_id,
        received=received,
        sent=sent,
        balance=ledger.balances[row],
        height=line.height,
        time=line.time,
        fee=_own_fee(line.fee, received, sent),
        flags=line.flags,
    )


def _pending_entry(about: PendingMovement, received: int, sent: int) -> Entry:
    return Entry(
        txid=about.txid,
        tx_id=None,
        received=received,
        sent=sent,
        balance=None,
        height=None,
        time=about.first_seen,
        fee=_own_fee(about.fee, received, sent),
        flags=about.flags,
    )


def _own_fee(fee: int, received: int, sent: int) -> int | None:
    """The fee where what left the wallet covers it: else others took part and paid it."""
    return fee if sent - received >= fee and sent else None
