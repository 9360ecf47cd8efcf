"""The statements of script_sets.py: a set of scripts as a table, joined with those of the index.

SQLite reads the set from one JSON text, PostgreSQL from two arrays; all else is the same.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Select,
    Text,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from indexer.schema import (
    block,
    input_,
    mempool_input,
    mempool_output,
    mempool_tx,
    output,
    tx,
    tx_of,
)
from indexer.unspent import is_coin


@dataclass(frozen=True, slots=True)
class Wanted:
    """The set as a table of a statement."""

    table: FromClause
    name: ColumnElement[Any]  # what tells the scripts apart
    key: ColumnElement[int]
    is_: Callable[[ColumnElement[Any]], ColumnElement[bool]]


def sqlite_table() -> Wanted:
    """Of the parameter `scripts`: a JSON object of hexadecimal scripts and their keys."""
    rows = func.json_each(bindparam("scripts", type_=Text)).table_valued(
        column("key", Text), column("value", BigInteger), name="wanted"
    )
    return Wanted(rows, rows.c.key, rows.c.value, lambda script: func.hex(script) == rows.c.key)


def postgres_table() -> Wanted:
    """Of the parameters `keys` and `scripts`."""
    rows = (
        func.unnest(
            bindparam("keys", type_=ARRAY(BigInteger)),
            bindparam("scripts", type_=ARRAY(LargeBinary)),
        )
        .table_valued(
            column("script_key", BigInteger),
            column("script", LargeBinary),
            with_ordinality="place",
            name="wanted",
        )
        .render_derived()
    )
    return Wanted(rows, rows.c.place, rows.c.script_key, lambda script: script == rows.c.script)


def integers(connection: Connection, values: Sequence[int]) -> FromClause:
    """The integers as a table of one column, `value`."""
    if connection.dialect.name == "sqlite":
        return func.json_each(literal(json.dumps(list(values)), Text)).table_valued(
            column("value", BigInteger), name="ids"
        )
    return (
        func.unnest(literal(list(values), ARRAY(BigInteger)))
        .table_valued(column("value", BigInteger), name="ids")
        .render_derived()
    )


def _paid(wanted: Wanted) -> ColumnElement[bool]:
    return and_(output.c.script_key == wanted.key, wanted.is_(output.c.script))


def movements_query(wanted: Wanted) -> Select[Any]:
    """(name, tx_id, received, sent) in the order of the chain."""
    owned = (
        select(wanted.name.label("name"), output.c.output_id, output.c.value)
        .select_from(wanted.table)
        .join(output, _paid(wanted))
        .cte("owned")
    )
    parts = union_all(
        select(
            owned.c.name,
            tx_of(owned.c.output_id).label("tx_id"),
            owned.c.value.label("received"),
            literal(0, BigInteger).label("sent"),
        ),
        select(
            owned.c.name, tx_of(input_.c.input_id), literal(0, BigInteger), owned.c.value
        ).join_from(owned, input_, input_.c.output_id == owned.c.output_id),
    ).subquery("parts")
    return (
        select(
            parts.c.name,
            parts.c.tx_id,
            func.sum(parts.c.received).label("received"),
            func.sum(parts.c.sent).label("sent"),
        )
        .group_by(parts.c.tx_id, parts.c.name)
        .order_by(parts.c.tx_id)
    )


def coins_query(wanted: Wanted) -> Select[Any]:
    """Unspent confirmed outputs, oldest first."""
    return (
        select(
            wanted.name.label("name"),
            tx.c.txid,
            (output.c.output_id - tx.c.tx_id).label("vout"),
            output.c.value,
            tx.c.height,
            block.c.time,
            tx.c.flags,
        )
        .select_from(wanted.table)
        .join(output, _paid(wanted))
        .join(tx, tx.c.tx_id == tx_of(output.c.output_id))
        .join(block, block.c.height == tx.c.height)
        .where(is_coin())
        .order_by(output.c.output_id)
    )


def pending_query(wanted: Wanted) -> Select[Any]:
    """Outputs of the mempool, and its inputs, which have a prev_txid."""
    made, spent = mempool_output.c, mempool_input.c
    parts = union_all(
        select(
            wanted.name.label("name"),
            made.txid,
            made.vout,
            made.value,
            null().label("prev_txid"),
        )
        .select_from(wanted.table)
        .join(mempool_output, and_(made.script_key == wanted.key, wanted.is_(made.script))),
        select(wanted.name, spent.txid, spent.prev_vout, spent.value, spent.prev_txid)
        .select_from(wanted.table)
        .join(mempool_input, and_(spent.script_key == wanted.key, wanted.is_(spent.script))),
    ).subquery("parts")
    about = mempool_tx.c
    return select(parts, about.first_seen, about.fee, about.weight, about.flags).join_from(
        parts, mempool_tx, about.txid == parts.c.txid
    )


def used_query(wanted: Wanted) -> Select[Any]:
    """Names of scripts that any output pays."""
    waiting = and_(mempool_output.c.script_key == wanted.key, wanted.is_(mempool_output.c.script))
    return (
        select(wanted.name.label("name"))
        .select_from(wanted.table)
        .where(
            or_(
                exists().where(_paid(wanted)),
                exists().where(waiting),
            )
        )
    )
