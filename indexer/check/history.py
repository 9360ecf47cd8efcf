"""The totals of each script, from its outputs and inputs."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, Select, literal, null, select

from indexer.check.blocks import Place
from indexer.check.difference import Difference, DifferenceError, differ_row
from indexer.schema import input_, output, script, utxo

MADE, SPENT, UNSPENT = 0, 1, 2
SCRIPTS_PER_BLOCK = 20  # looked at when a block is sampled
LONGEST_HISTORY = 2_000  # transactions of such a script

# script_key, MADE or SPENT or UNSPENT, tx_id, value, script
Event = tuple[int, int, int, int, bytes]


@dataclass(slots=True)
class _Totals:
    """What a row of `script` should hold."""

    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0
    first_tx_id: int = 0
    last_tx_id: int = 0
    ambiguous: int = 0


def check_scripts(connection: Connection) -> None:
    """Every row of `script`, in one pass over all that was made and spent, by script."""
    rows = iter(
        connection.execute(
            select(script).order_by(script.c.script_key), execution_options={"yield_per": 1000}
        )
    )
    row = next(rows, None)
    for key, events in groupby(_events(connection), key=itemgetter(0)):
        totals = _total(events)
        if row is not None and row.script_key < key:
            break
        found = row if row is not None and row.script_key == key else None
        differ_row("script", f"script_key {key}", found, asdict(totals))
        row = next(rows, None)
    if row is not None:
        raise DifferenceError(
            Difference("script", f"script_key {row.script_key}", "(all)", "a row", "no row")
        )


def check_scripts_of_block(connection: Connection, before: Place, after: Place) -> None:
    """Some scripts that a block pays to or spends from; those with long histories are left out."""
    made = select(output.c.script_key).where(
        output.c.output_id.between(before.output_id, after.output_id - 1)
    )
    spent = select(input_.c.script_key).where(
        input_.c.input_id.between(before.input_id, after.input_id - 1)
    )
    keys = connection.scalars(made.union(spent).limit(SCRIPTS_PER_BLOCK)).all()
    for key in keys:
        row = connection.execute(select(script).where(script.c.script_key == key)).first()
        if row is None or row.tx_count <= LONGEST_HISTORY:
            expected = asdict(_total(_events(connection, key)))
            differ_row("script", f"script_key {key}", row, expected)


def _total(events: Iterable[Event]) -> _Totals:
    totals = _Totals(first_tx_id=-1)
    transactions: set[int] = set()
    first_script = b""
    for _, kind, tx_id, value, script_bytes in events:
        if kind == UNSPENT:
            totals.unspent_count += 1
            totals.unspent += value
            continue
        transactions.add(tx_id)
        if kind == SPENT:
            totals.input_count += 1
            totals.sent += value
            continue
        if totals.output_count == 0:
            first_script = script_bytes
        elif script_bytes != first_script:
            totals.ambiguous = 1
        totals.output_count += 1
        totals.received += value
    totals.tx_count = len(transactions)
    totals.first_tx_id = min(transactions, default=-1)
    totals.last_tx_id = max(transactions, default=-1)
    return totals


def _events(connection: Connection, key: int | None = None) -> Iterator[Event]:
    """All that happened to all scripts, or to one, ordered by script."""
    queries = (
        select(output.c.script_key, literal(MADE), output.c.tx_id, output.c.value, output.c.script),
        select(input_.c.script_key, literal(SPENT), input_.c.tx_id, input_.c.value, null()),
        select(utxo.c.script_key, literal(UNSPENT), literal(0), utxo.c.value, null()),
    )
    streams = (_stream(connection, query, key) for query in queries)
    return merge(*streams, key=itemgetter(0))


def _stream(
    connection: Connection, query: Select[int, int, int, int, bytes], key: int | None
) -> Iterator[Event]:
    by_script = query.selected_columns[0]
    query = query.order_by(by_script) if key is None else query.where(by_script == key)
    yield from connection.execute(query, execution_options={"yield_per": 1000})
