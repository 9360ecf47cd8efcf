"""The outputs and inputs of one script, newest first: what its history, coins and sums are made of.

Of a busy script what happened is found in order in the tables kept for it; of any other at once
in its few outputs. A page costs the same whatever the length of the history.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    and_,
    bindparam,
    func,
    select,
    tuple_,
)

from indexer.keys import script_key
from indexer.schema import (
    BUSY_OUTPUTS,
    input_,
    output,
    script,
    script_coin,
    script_spend,
    tx,
    tx_of,
)
from indexer.unspent import is_coin

Sums: TypeAlias = dict[int, int]  # by tx_id

LARGEST_ID: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class ScriptTotals:
    """Confirmed sums of one script, in the smallest unit; ids are None if it was never used."""

    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0
    first_tx_id: int | None = None
    last_tx_id: int | None = None


def output_is(wanted: bytes) -> ColumnElement[bool]:
    """Of a row of output: it pays this script."""
    return and_(output.c.script_key == script_key(wanted), output.c.script == wanted)


def busy_id(connection: Connection, wanted: bytes) -> int | None:
    """The script_id of a script that is busy."""
    return connection.scalar(_busy(wanted).with_only_columns(script.c.script_id))


def totals(connection: Connection, wanted: bytes) -> ScriptTotals:
    """The confirmed sums of a script."""
    row = connection.execute(
        _busy(wanted).add_columns(tx_of(script.c.script_id).label("first_tx_id"))
    ).first()
    if row is None:
        return _totals_of_few(connection, wanted)
    return ScriptTotals(
        tx_count=row.tx_count,
        output_count=row.output_count,
        received=row.received,
        input_count=row.input_count,
        sent=row.sent,
        unspent_count=row.unspent_count,
        unspent=row.unspent,
        first_tx_id=row.first_tx_id,
        last_tx_id=row.last_tx_id,
    )


def newest_received(
    connection: Connection, wanted: bytes, limit: int, before: int | None = None
) -> Sums:
    """What the script received in the newest `limit` or more transactions below a tx_id."""
    statement = PAID_BEFORE[connection.dialect.name]
    return _page_by_page(connection, statement, _named(wanted), limit, _edge(before))


def newest_sent(
    connection: Connection, wanted: bytes, limit: int, before: int | None = None
) -> Sums:
    """The same of what it sent."""
    statement, named = _spends(connection, wanted, SPENT_BEFORE, BUSY_SPENT_BEFORE)
    return _page_by_page(connection, statement, named, limit, _edge(before))


def oldest_moves(connection: Connection, wanted: bytes, limit: int, after: int) -> list[int]:
    """The tx_ids of the oldest `limit` transactions above a tx_id that pay or spend the script."""
    following = connection.scalar(FOLLOWING, {"after": after})
    if following is None:
        return []
    edge = following - 1
    statement, named = _spends(connection, wanted, SPENT_AFTER, BUSY_SPENT_AFTER)
    paid = PAID_AFTER[connection.dialect.name]
    received = _page_by_page(connection, paid, _named(wanted), limit, edge)
    sent = _page_by_page(connection, statement, named, limit, edge)
    return sorted(received.keys() | sent.keys())[:limit]


def spends_of(connection: Connection, wanted: bytes) -> Select[int, int, int]:
    """(input_id, tx_id, value) of all inputs that spend the script."""
    script_id = busy_id(connection, wanted)
    if script_id is None:
        return _few_spends().where(output_is(wanted))
    return _busy_spends().where(script_spend.c.script_id == script_id)


def coin_ids_query(wanted: bytes, script_id: int | None) -> Select[int]:
    """The output_ids of the script's coins, in no order."""
    if script_id is not None:
        return select(script_coin.c.output_id).where(script_coin.c.script_id == script_id)
    return (
        select(output.c.output_id)
        .join(tx, tx.c.tx_id == tx_of(output.c.output_id))
        .where(output_is(wanted), is_coin())
    )


def _busy(wanted: bytes) -> Select[Any]:
    first = output.alias("first")
    return (
        select(script)
        .join(first, first.c.output_id == script.c.script_id)
        .where(script.c.script_key == script_key(wanted), first.c.script == wanted)
    )


def _totals_of_few(connection: Connection, wanted: bytes) -> ScriptTotals:
    """Of a script with at most BUSY_OUTPUTS outputs, from these."""
    made = connection.execute(
        select(
            output.c.output_id,
            output.c.value,
            tx_of(output.c.output_id).label("tx_id"),
            tx_of(input_.c.input_id).label("spender"),
        )
        .outerjoin_from(output, input_, input_.c.output_id == output.c.output_id)
        .where(output_is(wanted))
        .order_by(output.c.output_id)
        .limit(BUSY_OUTPUTS)
    ).all()
    if not made:
        return ScriptTotals()
    coins = set(connection.scalars(coin_ids_query(wanted, None)))
    spent = [row for row in made if row.spender is not None]
    unspent = [row.value for row in made if row.output_id in coins]
    tx_ids = {row.tx_id for row in made} | {row.spender for row in spent}
    return ScriptTotals(
        tx_count=len(tx_ids),
        output_count=len(made),
        received=sum(row.value for row in made),
        input_count=len(spent),
        sent=sum(row.value for row in spent),
        unspent_count=len(unspent),
        unspent=sum(unspent),
        first_tx_id=min(tx_ids),
        last_tx_id=max(tx_ids),
    )


def _few_spends() -> Select[int, int, int]:
    return select(input_.c.input_id, tx_of(input_.c.input_id), output.c.value).join_from(
        output, input_, input_.c.output_id == output.c.output_id
    )


def _busy_spends() -> Select[int, int, int]:
    spend = script_spend.c
    return (
        select(spend.input_id, tx_of(spend.input_id), output.c.value)
        .join_from(script_spend, input_, input_.c.input_id == spend.input_id)
        .join(output, output.c.output_id == input_.c.output_id)
    )


def _paged(query: Select[int, int, int], *, newest: bool) -> Select[int, int, int]:
    """A page of rows (id, tx_id, value) on one side of an id, from there on."""
    item_id = query.selected_columns[0]
    edge, count = bindparam("edge", type_=BigInteger), bindparam("count", type_=Integer)
    if newest:
        return query.where(item_id < edge).order_by(item_id.desc()).limit(count)
    return query.where(item_id > edge).order_by(item_id).limit(count)


def _paid(dialect: str, *, newest: bool) -> Select[int, int, int]:
    """Of the script's outputs."""
    key, output_id = bindparam("key", type_=BigInteger), output.c.output_id
    query = select(output_id, tx_of(output_id), output.c.value)
    if dialect == "sqlite":
        return _paged(query.where(_of_script()), newest=newest)
    # Told that the key is one value, PostgreSQL may read all outputs from the newest on for those
    # of a script that it believes to be everywhere.
    place, edge = (
        tuple_(output.c.script_key, output_id),
        tuple_(key, bindparam("edge", type_=BigInteger)),
    )
    query = query.where(output.c.script == bindparam("script", type_=LargeBinary))
    query = query.limit(bindparam("count", type_=Integer))
    if newest:
        order = output.c.script_key.desc(), output_id.desc()
        return query.where(output.c.script_key >= key, place < edge).order_by(*order)
    order = output.c.script_key.asc(), output_id.asc()
    return query.where(output.c.script_key <= key, place > edge).order_by(*order)


def _of_script() -> ColumnElement[bool]:
    return and_(
        output.c.script_key == bindparam("key", type_=BigInteger),
        output.c.script == bindparam("script", type_=LargeBinary),
    )


# Made once: building them costs more than running them for most scripts.
_of_busy = script_spend.c.script_id == bindparam("script_id", type_=BigInteger)
PAID_BEFORE = {name: _paid(name, newest=True) for name in ("sqlite", "postgresql")}
PAID_AFTER = {name: _paid(name, newest=False) for name in ("sqlite", "postgresql")}
_few = _few_spends().where(_of_script())
SPENT_BEFORE, SPENT_AFTER = _paged(_few, newest=True), _paged(_few, newest=False)
_many = _busy_spends().where(_of_busy)
BUSY_SPENT_BEFORE, BUSY_SPENT_AFTER = _paged(_many, newest=True), _paged(_many, newest=False)
FOLLOWING = select(func.min(tx.c.tx_id)).where(tx.c.tx_id > bindparam("after", type_=BigInteger))


def _named(wanted: bytes) -> dict[str, object]:
    return {"key": script_key(wanted), "script": wanted}


def _edge(before: int | None) -> int:
    return LARGEST_ID if before is None else before


def _spends(
    connection: Connection,
    wanted: bytes,
    few: Select[int, int, int],
    many: Select[int, int, int],
) -> tuple[Select[int, int, int], dict[str, object]]:
    script_id = busy_id(connection, wanted)
    return (few, _named(wanted)) if script_id is None else (many, {"script_id": script_id})


def _page_by_page(
    connection: Connection,
    statement: Select[int, int, int],
    named: dict[str, object],
    limit: int,
    edge: int,
) -> Sums:
    """Sums of at least `limit` transactions if there are as many, none of them in part."""
    sums: Sums = {}
    count = limit + 1  # the first of one more says that the last is whole
    while True:
        rows = connection.execute(statement, {**named, "edge": edge, "count": count}).all()
        for item_id, tx_id, value in rows:
            if tx_id not in sums:
                if len(sums) == limit:
                    return sums
                sums[tx_id] = 0
            sums[tx_id] += value
            edge = item_id
        if len(rows) < count:
            return sums
        count *= 2
