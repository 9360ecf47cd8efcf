"""Row counts and the set of unspent outputs, from the rows that were compared block by block."""

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select

from indexer.check.blocks import Place
from indexer.check.difference import Difference, DifferenceError, differ
from indexer.schema import block, input_, output, tx, utxo

MAX_SCRIPT_SIZE = 10_000  # bytes: a longer script can never be spent
OP_RETURN = b"\x6a"


def check_counts(connection: Connection, end: Place) -> None:
    """No row lies beyond the last block's."""
    for table, key, count in (
        (block, block.c.height, end.height),
        (tx, tx.c.tx_id, end.tx_id),
        (output, output.c.output_id, end.output_id),
        (input_, input_.c.input_id, end.input_id),
    ):
        found = connection.scalar(select(func.count()).select_from(table))
        differ(table.name, "all rows", "count", found, count)
        highest = connection.scalar(select(func.max(key)))
        differ(table.name, "last row", key.name, highest, count - 1 if count else None)


def check_coins(connection: Connection) -> None:
    """utxo against output and input, both ways, and that nothing is spent twice."""
    twice = connection.scalar(
        select(input_.c.output_id).group_by(input_.c.output_id).having(func.count() > 1).limit(1)
    )
    if twice is not None:
        raise DifferenceError(
            Difference("input", f"output_id {twice}", "output_id", "several rows", "one row")
        )
    repeated = _repeated_transactions(connection)
    for row in connection.execute(_lacking_coins(), execution_options={"yield_per": 1000}):
        if row.tx_id not in repeated:
            _raise_coin(row.output_id, "no row", "an unspent output")
    wrong = connection.execute(_wrong_coins(repeated).limit(1)).first()
    if wrong is not None:
        _raise_coin(
            wrong.coin_id,
            f"script_key {wrong.coin_key}, value {wrong.coin_value}",
            "no row: no such output is unspent"
            if wrong.output_id is None or wrong.script_key != wrong.coin_key
            else f"value {wrong.value}, if it can be spent at all",
        )


def check_coins_of_block(connection: Connection, before: Place, after: Place) -> None:
    """The outputs that a block makes and spends against utxo."""
    made = output.c.output_id.between(before.output_id, after.output_id - 1)
    for row in connection.execute(_lacking_coins().where(made)):
        if not _is_repeated(connection, row.tx_id):
            _raise_coin(row.output_id, "no row", "an unspent output")
    spent = select(input_.c.output_id).where(
        input_.c.input_id.between(before.input_id, after.input_id - 1)
    )
    still = connection.scalar(
        select(utxo.c.output_id)
        .join(
            output,
            and_(output.c.output_id == utxo.c.output_id, output.c.script_key == utxo.c.script_key),
        )
        .where(output.c.output_id.in_(spent))
        .limit(1)
    )
    if still is not None:
        _raise_coin(still, "a row", "no row: it is spent")
    for row in connection.execute(
        select(utxo, output.c.value.label("made"), output.c.script, output.c.tx_id)
        .join(
            output,
            and_(output.c.output_id == utxo.c.output_id, output.c.script_key == utxo.c.script_key),
        )
        .where(made)
    ):
        differ("utxo", f"output_id {row.output_id}", "value", row.value, row.made)
        if row.tx_id == 0 or row.script[:1] == OP_RETURN or len(row.script) > MAX_SCRIPT_SIZE:
            _raise_coin(row.output_id, "a row", "no row: it can never be spent")


def _spendable() -> ColumnElement[bool]:
    return and_(
        output.c.tx_id > 0,  # the genesis coinbase cannot be spent
        func.length(output.c.script) <= MAX_SCRIPT_SIZE,
        func.substr(output.c.script, 1, 1) != literal(OP_RETURN, output.c.script.type),
    )


def _lacking_coins() -> Select[int, int]:
    """Outputs that can be spent, are not, and have no row in utxo."""
    coin = and_(utxo.c.script_key == output.c.script_key, utxo.c.output_id == output.c.output_id)
    return (
        select(output.c.output_id, output.c.tx_id)
        .outerjoin(utxo, coin)
        .outerjoin(input_, input_.c.output_id == output.c.output_id)
        .where(utxo.c.output_id.is_(None), input_.c.input_id.is_(None), _spendable())
    )


def _wrong_coins(repeated: set[int]) -> Select[int, int, int, int | None, int, int]:
    """Rows of utxo without such an output, or whose output is spent or can never be."""
    return (
        select(
            utxo.c.output_id.label("coin_id"),
            utxo.c.script_key.label("coin_key"),
            utxo.c.value.label("coin_value"),
            output.c.output_id,
            output.c.script_key,
            output.c.value,
        )
        .outerjoin(output, output.c.output_id == utxo.c.output_id)
        .outerjoin(input_, input_.c.output_id == utxo.c.output_id)
        .where(
            or_(
                output.c.output_id.is_(None),
                input_.c.input_id.is_not(None),
                output.c.script_key != utxo.c.script_key,
                output.c.value != utxo.c.value,
                output.c.tx_id.in_(repeated),
                ~_spendable(),
            )
        )
    )


def _repeated_transactions(connection: Connection) -> set[int]:
    """Those whose txid a later one has again: their outputs were lost (before BIP30)."""
    keys = connection.scalars(
        select(tx.c.txid_key).group_by(tx.c.txid_key).having(func.count() > 1)
    ).all()
    repeated: set[int] = set()
    for key in keys:
        newest: dict[bytes, int] = {}
        for row in connection.execute(
            select(tx.c.tx_id, tx.c.txid).where(tx.c.txid_key == key).order_by(tx.c.tx_id)
        ):
            if row.txid in newest:
                repeated.add(newest[row.txid])
            newest[row.txid] = row.tx_id
    return repeated


def _is_repeated(connection: Connection, tx_id: int) -> bool:
    one, later = tx.alias(), tx.alias()
    query = (
        select(later.c.tx_id)
        .join(one, and_(one.c.txid_key == later.c.txid_key, one.c.txid == later.c.txid))
        .where(one.c.tx_id == tx_id, later.c.tx_id > tx_id)
    )
    return connection.execute(query).first() is not None


def _raise_coin(output_id: int, found: str, expected: str) -> None:
    raise DifferenceError(Difference("utxo", f"output_id {output_id}", "(all)", found, expected))
