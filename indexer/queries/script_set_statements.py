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

FIRST = bindparam("first", type_=BigInteger)  # the id that is asked from on


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


def outputs_query(wanted: Wanted) -> Select[Any]:
    """Confirmed outputs from FIRST on, in the order of the chain, each with the
    tx_id that spends it or None."""
    return (
        select(
            wanted.name,
            output.c.output_id,
            tx.c.tx_id,
            tx.c.txid,
            output.c.value,
            tx.c.height,
            block.c.time,
            tx.c.flags,
            tx_of(input_.c.input_id).label("spent_in"),
        )
        .select_from(wanted.table)
        .join(output, and_(_paid(wanted), output.c.output_id >= FIRST))
        .join(tx, tx.c.tx_id == tx_of(output.c.output_id))
        .join(block, block.c.height == tx.c.height)
        .outerjoin(input_, input_.c.output_id == output.c.output_id)
        .order_by(output.c.output_id)
    )


def spends_query(output_ids: FromClause) -> Select[Any]:
    """Of `integers`, those that inputs from FIRST on spend, and their tx_ids."""
    return select(output_ids.c.value, tx_of(input_.c.input_id)).join_from(
        output_ids,
        input_,
        and_(input_.c.output_id == output_ids.c.value, input_.c.input_id >= FIRST),
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
