"""What the chain and the mempool say of a set of scripts: a wallet's, thousands at a time.

Each statement is sent the whole set, whatever its size, and compares whole scripts as well as
their short keys, since two scripts may share a key. Of a script only its place in the set comes
back.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, select

from indexer.keys import TxFlag, script_key
from indexer.queries.script_set_statements import (
    Wanted,
    integers,
    outputs_query,
    pending_query,
    postgres_table,
    spends_query,
    sqlite_table,
    used_query,
)
from indexer.schema import block, mempool_output, output, replacement, tx
from indexer.unspent import is_unspendable


class ScriptSet:
    """Different scripts to ask about together, each known by its place."""

    def __init__(self, scripts: Iterable[bytes]) -> None:
        self.scripts = tuple(dict.fromkeys(scripts))

    def __len__(self) -> int:
        return len(self.scripts)

    @cached_property
    def places(self) -> dict[bytes, int]:
        return {script: place for place, script in enumerate(self.scripts)}

    @cached_property
    def keys(self) -> list[int]:
        return [script_key(script) for script in self.scripts]

    @cached_property
    def json(self) -> str:
        """{"the script in hexadecimal": its key}: a table of two columns for SQLite."""
        pairs = zip(self.places_by_name, self.keys, strict=True)
        return "{" + ",".join([f'"{name}":{key}' for name, key in pairs]) + "}"

    @cached_property
    def places_by_name(self) -> dict[str, int]:
        return {script.hex().upper(): place for place, script in enumerate(self.scripts)}


def _numbers() -> "array[int]":
    return array("q")


@dataclass(frozen=True, slots=True)
class Movements:
    """What confirmed transactions paid to and took from each script: columns of equal length, in
    the order of the chain. A history of a million transactions fits in 32 MB."""

    places: "array[int]" = field(default_factory=_numbers)
    tx_ids: "array[int]" = field(default_factory=_numbers)
    received: "array[int]" = field(default_factory=_numbers)
    sent: "array[int]" = field(default_factory=_numbers)


@dataclass(frozen=True, slots=True)
class PendingMovement:
    """What one unconfirmed transaction pays to and takes from one script."""

    place: int
    txid: bytes
    received: int
    sent: int
    first_seen: int
    fee: int
    weight: int
    flags: TxFlag

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


class SetCoin(NamedTuple):
    """An unspent output of one of the scripts. `output_id` and `height` are None, and `time` when
    it was first seen, while it is unconfirmed. `spent_by` is an unconfirmed transaction."""

    place: int
    output_id: int | None
    txid: bytes
    vout: int
    value: int
    height: int | None
    time: int
    is_coinbase: bool
    spent_by: bytes | None = None

    @property
    def outpoint(self) -> tuple[bytes, int]:
        return self.txid, self.vout


@dataclass(frozen=True, slots=True)
class SetHistory:
    """What the chain says of a set of scripts up to a block. `coins` are by outpoint, oldest first,
    and say nothing of the mempool."""

    height: int = -1
    block_hash: bytes = b""
    movements: Movements = field(default_factory=Movements)
    coins: dict[tuple[bytes, int], SetCoin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConfirmedLine:
    """A confirmed transaction as a list shows it. `position` is its place in the block."""

    tx_id: int
    txid: bytes
    height: int
    position: int
    time: int
    fee: int
    weight: int
    flags: TxFlag


@dataclass(frozen=True, slots=True)
class Party:
    """An output of a transaction: whom it pays."""

    vout: int
    script: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A transaction that another one pushed out of the mempool."""

    txid: bytes
    replaced_by: bytes
    replaced_at: int
    raw: bytes


def set_history(
    connection: Connection, wanted: ScriptSet, height: int, block_hash: bytes, known: SetHistory
) -> SetHistory:
    """All that the chain says of the scripts up to its tip, which is that block. What is `known` of
    the same scripts is carried on if its block is still in the chain."""
    first = _follower(connection, known)
    if first is None:
        known, first = SetHistory(), 0
    coins = dict(known.coins)
    sums: dict[tuple[int, int], list[int]] = {}  # (tx_id, place): received, sent
    for coin, spent_in in _spends(connection, known.coins.values(), first):
        sums.setdefault((spent_in, coin.place), [0, 0])[1] += coin.value
        del coins[coin.outpoint]
    place_of, coinbase = _place_of(connection, wanted), int(TxFlag.COINBASE)
    rows = _ask(connection, wanted, outputs_query, first=first)
    for name, output_id, tx_id, txid, value, mined_at, time, flags, spent_in in rows:
        place, vout = place_of(name), output_id - tx_id
        sums.setdefault((tx_id, place), [0, 0])[0] += value
        coins.pop((txid, vout), None)  # a coinbase could repeat an older one's txid: BIP30
        if spent_in is not None:
            sums.setdefault((spent_in, place), [0, 0])[1] += value
        elif mined_at > 0 and not is_unspendable(wanted.scripts[place]):
            coins[txid, vout] = SetCoin(
                place, output_id, txid, vout, value, mined_at, time, bool(flags & coinbase)
            )
    return SetHistory(height, block_hash, _followed(known.movements, sums), coins)


def movements(connection: Connection, wanted: ScriptSet) -> Movements:
    """Every confirmed transaction of the scripts, per transaction and script."""
    return set_history(connection, wanted, -1, b"", SetHistory()).movements


def _follower(connection: Connection, known: SetHistory) -> int | None:
    """The tx_id of the first transaction after what is known. None if nothing is, or if its block
    is no longer in the chain."""
    if known.height < 0:
        return None
    follower = select(block.c.next_tx_id).where(
        block.c.height == known.height, block.c.hash == known.block_hash
    )
    return connection.execute(follower).scalar()


def _spends(
    connection: Connection, coins: Iterable[SetCoin], first: int
) -> Iterator[tuple[SetCoin, int]]:
    """Those of the coins that transactions from `first` on spend, and which ones do."""
    by_id = {coin.output_id: coin for coin in coins if coin.output_id is not None}
    if by_id:
        ids = integers(connection, list(by_id))
        for output_id, spent_in in connection.execute(spends_query(ids), {"first": first}):
            yield by_id[output_id], spent_in


def _followed(movements: Movements, sums: dict[tuple[int, int], list[int]]) -> Movements:
    """With later ones, in their order."""
    order = sorted(sums)
    return Movements(
        movements.places + array("q", [place for _, place in order]),
        movements.tx_ids + array("q", [tx_id for tx_id, _ in order]),
        movements.received + array("q", [sums[each][0] for each in order]),
        movements.sent + array("q", [sums[each][1] for each in order]),
    )


@dataclass(frozen=True, slots=True)
class PendingSet:
    """What the mempool holds of the scripts. `spends` are all outputs of theirs that it spends."""

    movements: tuple[PendingMovement, ...] = ()
    coins: tuple[SetCoin, ...] = ()
    spends: dict[tuple[bytes, int], bytes] = field(default_factory=dict)


def pending(connection: Connection, wanted: ScriptSet) -> PendingSet:
    """All unconfirmed transactions of the scripts, newest first."""
    place_of = _place_of(connection, wanted)
    sums: dict[tuple[bytes, int], list[int]] = {}
    about: dict[bytes, tuple[int, int, int, int]] = {}
    made: list[SetCoin] = []
    spends: dict[tuple[bytes, int], bytes] = {}
    for row in _ask(connection, wanted, pending_query):
        txid, place = bytes(row.txid), place_of(row.name)
        about[txid] = row.first_seen, row.fee, row.weight, row.flags
        received_sent = sums.setdefault((txid, place), [0, 0])
        if row.prev_txid is None:
            received_sent[0] += row.value
            made.append(
                SetCoin(place, None, txid, row.vout, row.value, None, row.first_seen, False)
            )
        else:
            received_sent[1] += row.value
            spends[bytes(row.prev_txid), row.vout] = txid
    lines = [
        PendingMovement(place, txid, received, sent, *about[txid][:3], TxFlag(about[txid][3]))
        for (txid, place), (received, sent) in sums.items()
    ]
    lines.sort(key=lambda line: (-line.first_seen, line.txid, line.place))
    made.sort(key=lambda coin: (coin.time, coin.txid, coin.vout))
    return PendingSet(tuple(lines), with_spenders(made, spends), spends)


def with_spenders(
    coins: Iterable[SetCoin], spends: dict[tuple[bytes, int], bytes]
) -> tuple[SetCoin, ...]:
    """The coins, those marked that the mempool spends."""
    return tuple(
        coin if coin.outpoint not in spends else coin._replace(spent_by=spends[coin.outpoint])
        for coin in coins
    )


def used_places(connection: Connection, wanted: ScriptSet) -> frozenset[int]:
    """Places of the scripts that a transaction of the chain or of the mempool has paid."""
    place_of = _place_of(connection, wanted)
    return frozenset(place_of(row.name) for row in _ask(connection, wanted, used_query))


def confirmed_lines(connection: Connection, tx_ids: Sequence[int]) -> dict[int, ConfirmedLine]:
    """tx_id -> the transaction."""
    ids = integers(connection, tx_ids)
    rows = connection.execute(
        select(
            tx.c.tx_id,
            tx.c.txid,
            tx.c.height,
            tx.c.position,
            block.c.time,
            tx.c.fee,
            tx.c.weight,
            tx.c.flags,
        )
        .select_from(ids)
        .join(tx, tx.c.tx_id == ids.c.value)
        .join(block, block.c.height == tx.c.height)
    )
    return {
        row.tx_id: ConfirmedLine(
            row.tx_id,
            bytes(row.txid),
            row.height,
            row.position,
            row.time,
            row.fee,
            row.weight,
            TxFlag(row.flags),
        )
        for row in rows
    }


def block_times(connection: Connection, tx_ids: Sequence[int]) -> dict[int, int]:
    """tx_id -> when its block was made, as the header says."""
    ids = integers(connection, tx_ids)
    rows = connection.execute(
        select(tx.c.tx_id, block.c.time)
        .select_from(ids)
        .join(tx, tx.c.tx_id == ids.c.value)
        .join(block, block.c.height == tx.c.height)
    )
    return {row.tx_id: row.time for row in rows}


def parties(
    connection: Connection, tx_ids: Sequence[int], txids: Sequence[bytes], most: int
) -> dict[int | bytes, tuple[Party, ...]]:
    """The first `most` outputs of confirmed transactions, by tx_id, and of unconfirmed ones, by
    txid."""
    ids = integers(connection, tx_ids)
    vout = output.c.output_id - tx.c.tx_id
    found: dict[int | bytes, list[Party]] = {}
    confirmed = (
        select(tx.c.tx_id, vout.label("vout"), output.c.script, output.c.value)
        .select_from(ids)
        .join(tx, tx.c.tx_id == ids.c.value)
        .join(
            output,
            and_(
                output.c.output_id >= tx.c.tx_id,
                output.c.output_id < tx.c.tx_id + most,
                output.c.output_id < tx.c.tx_id + tx.c.output_count,
            ),
        )
        .order_by(output.c.output_id)
    )
    waiting = (
        select(
            mempool_output.c.txid,
            mempool_output.c.vout,
            mempool_output.c.script,
            mempool_output.c.value,
        )
        .where(mempool_output.c.txid.in_(txids), mempool_output.c.vout < most)
        .order_by(mempool_output.c.txid, mempool_output.c.vout)
    )
    for owner, place, script, value in connection.execute(confirmed) if tx_ids else ():
        found.setdefault(owner, []).append(Party(place, bytes(script), value))
    for owner, place, script, value in connection.execute(waiting) if txids else ():
        found.setdefault(bytes(owner), []).append(Party(place, bytes(script), value))
    return {owner: tuple(each) for owner, each in found.items()}


def replaced_by(connection: Connection, txids: Sequence[bytes]) -> tuple[Replaced, ...]:
    """What these transactions pushed out of the mempool themselves, oldest first."""
    wanted = replacement.c.replaced_by.in_(txids)
    rows = connection.execute(_REPLACED.where(wanted).order_by(replacement.c.replaced_at))
    return tuple(map(_replaced, rows))


def replaced_since(connection: Connection, moment: int, most: int) -> tuple[Replaced, ...]:
    """What was pushed out after a moment, whatever it paid; at most `most`, the latest first."""
    wanted = replacement.c.replaced_at > moment
    latest = replacement.c.replaced_at.desc(), replacement.c.txid
    rows = connection.execute(_REPLACED.where(wanted).order_by(*latest).limit(most))
    return tuple(map(_replaced, rows))


_REPLACED: Select[Any] = select(
    replacement.c.txid, replacement.c.replaced_by, replacement.c.replaced_at, replacement.c.raw
)


def _replaced(row: Row[Any]) -> Replaced:
    return Replaced(bytes(row.txid), bytes(row.replaced_by), row.replaced_at, bytes(row.raw))


def _ask(
    connection: Connection,
    wanted: ScriptSet,
    build: Callable[[Wanted], Select[Any]],
    **parameters: int,
) -> Sequence[Any]:
    if not wanted:
        return ()
    if connection.dialect.name == "sqlite":
        statement = build(sqlite_table())
        return connection.execute(statement, {"scripts": wanted.json, **parameters}).all()
    values = {"keys": wanted.keys, "scripts": list(wanted.scripts), **parameters}
    return connection.execute(build(postgres_table()), values).all()


def _place_of(connection: Connection, wanted: ScriptSet) -> Callable[[Any], int]:
    if connection.dialect.name == "sqlite":
        return wanted.places_by_name.__getitem__
    return lambda ordinal: int(ordinal) - 1
