"""What is kept of busy scripts, from their outputs and inputs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from indexer.check.blocks import Place
from indexer.check.difference import Difference, DifferenceError, differ, differ_row
from indexer.schema import (
    BUSY_OUTPUTS,
    input_,
    output,
    script,
    script_coin,
    script_spend,
    tx,
    tx_of,
    txid_prefix_of,
)

SCRIPTS_PER_BLOCK = 20  # looked at when a block is sampled
LONGEST_HISTORY = 2_000  # outputs of such a script
MAX_SCRIPT_SIZE = 10_000  # bytes: a longer script can never be spent
OP_RETURN = b"\x6a"

Kept = dict[Table, int]  # rows


@dataclass(slots=True)
class _Totals:
    """What a row of `script` should hold."""

    script_key: int
    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0
    last_tx_id: int = 0


def check_scripts(connection: Connection) -> None:
    """Every row that is kept of busy scripts, and that there are no others."""
    expected: Kept = defaultdict(int)
    key = output.c.script_key
    keys = connection.scalars(select(key).group_by(key).having(func.count() > BUSY_OUTPUTS)).all()
    for each in keys:
        for table, count in _check_key(connection, each).items():
            expected[table] += count
    for table in (script, script_coin, script_spend):
        found = connection.scalar(select(func.count()).select_from(table))
        differ(table.name, "all rows", "count", found, expected[table])


def check_scripts_of_block(connection: Connection, before: Place, after: Place) -> None:
    """Some scripts that a block pays to or spends from; those with long histories are left out."""
    made = select(output.c.script_key).where(
        output.c.output_id.between(before.tx_id, after.tx_id - 1)
    )
    spent = (
        select(output.c.script_key)
        .join(input_, input_.c.output_id == output.c.output_id)
        .where(input_.c.input_id.between(before.tx_id, after.tx_id - 1))
    )
    for key in connection.scalars(made.union(spent).limit(SCRIPTS_PER_BLOCK)).all():
        outputs = select(output.c.output_id).where(output.c.script_key == key)
        if len(connection.scalars(outputs.limit(LONGEST_HISTORY + 1)).all()) <= LONGEST_HISTORY:
            _check_key(connection, key)


def _check_key(connection: Connection, key: int) -> Kept:
    """All scripts of a key; how many rows there should be of them in each table."""
    expected: Kept = defaultdict(int)
    by_script: dict[bytes, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_moves(key)):
        by_script[bytes(row.script)].append(row)
    busy = {rows[0].output_id: rows for rows in by_script.values() if len(rows) > BUSY_OUTPUTS}
    kept = connection.execute(select(script).where(script.c.script_key == key)).all()
    for row in kept:
        if row.script_id not in busy:
            raise DifferenceError(
                Difference("script", f"script_id {row.script_id}", "(all)", "a row", "no row")
            )
    found = {row.script_id: row for row in kept}
    for script_id, moves in busy.items():
        coins = [row.output_id for row in moves if _is_coin(connection, row)]
        spends = sorted(row.input_id for row in moves if row.input_id is not None)
        totals = _total(moves, set(coins))
        differ_row("script", f"script_id {script_id}", found.get(script_id), asdict(totals))
        _check_ids(connection, script_coin, "output_id", script_id, coins)
        _check_ids(connection, script_spend, "input_id", script_id, spends)
        expected[script] += 1
        expected[script_coin] += len(coins)
        expected[script_spend] += len(spends)
    return expected


def _moves(key: int) -> Any:
    """The outputs of a key's scripts, oldest first, with the inputs that spend them."""
    return (
        select(
            output,
            tx_of(output.c.output_id).label("tx_id"),
            input_.c.input_id,
            tx_of(input_.c.input_id).label("spender"),
        )
        .outerjoin_from(output, input_, input_.c.output_id == output.c.output_id)
        .where(output.c.script_key == key)
        .order_by(output.c.output_id)
    )


def _total(moves: Sequence[Row[Any]], coins: set[int]) -> _Totals:
    totals = _Totals(script_key=moves[0].script_key)
    transactions: set[int] = set()
    for row in moves:
        transactions.add(row.tx_id)
        totals.output_count += 1
        totals.received += row.value
        if row.input_id is not None:
            transactions.add(row.spender)
            totals.input_count += 1
            totals.sent += row.value
        elif row.output_id in coins:
            totals.unspent_count += 1
            totals.unspent += row.value
    totals.tx_count = len(transactions)
    totals.last_tx_id = max(transactions)
    return totals


def _is_coin(connection: Connection, row: Row[Any]) -> bool:
    if row.input_id is not None or row.tx_id == 0:  # the genesis coinbase cannot be spent
        return False
    if row.script[:1] == OP_RETURN or len(row.script) > MAX_SCRIPT_SIZE:
        return False
    return not _is_repeated(connection, row.tx_id)


def _is_repeated(connection: Connection, tx_id: int) -> bool:
    """Whether a later transaction has its txid: its outputs were lost (before BIP30)."""
    one, later = tx.alias(), tx.alias()
    query = (
        select(later.c.tx_id)
        .join_from(one, later, txid_prefix_of(one) == txid_prefix_of(later))
        .where(one.c.tx_id == tx_id, later.c.txid == one.c.txid, later.c.tx_id > tx_id)
    )
    return connection.execute(query).first() is not None


def _check_ids(
    connection: Connection, table: Table, name: str, script_id: int, expected: Sequence[int]
) -> None:
    """The ids that a table keeps of one script."""
    column = table.c[name]
    found = set(connection.scalars(select(column).where(table.c.script_id == script_id)))
    for each in sorted(found ^ set(expected)):
        there, wanted = ("a row", "no row") if each in found else ("no row", "a row")
        raise DifferenceError(
            Difference(table.name, f"script_id {script_id}, {name} {each}", "(all)", there, wanted)
        )
