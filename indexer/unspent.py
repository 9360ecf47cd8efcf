"""Which outputs are coins, as conditions for SQL.

An output is a coin when no input spends it, it can be spent at all, it is not the genesis block's,
and no later transaction has the same txid (before BIP30 a coinbase could repeat an older one,
whose unspent outputs then were lost).
"""

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select

from indexer.schema import block, input_, output, tx, txid_prefix_of

MAX_SCRIPT_SIZE = 10_000  # bytes
OP_RETURN = b"\x6a"


def is_unspendable(script: bytes) -> bool:
    """Whether no input can ever spend it, whatever the input says."""
    return script.startswith(OP_RETURN) or len(script) > MAX_SCRIPT_SIZE


def is_coin() -> ColumnElement[bool]:
    """Of a row of output joined with its transaction."""
    spend = input_.alias("spend")
    return and_(~exists().where(spend.c.output_id == output.c.output_id), can_be_coin())


def can_be_coin() -> ColumnElement[bool]:
    """The same, but for whether an input spends it."""
    return and_(is_spendable(), ~is_repeated())


def is_spendable() -> ColumnElement[bool]:
    """Of a row of output: it can be spent and is not the genesis block's."""
    genesis = block.alias("genesis")
    genesis_end = select(genesis.c.next_tx_id).where(genesis.c.height == 0).scalar_subquery()
    size, first = func.length(output.c.script), func.substr(output.c.script, 1, 1)
    return and_(
        output.c.output_id >= genesis_end,
        size <= MAX_SCRIPT_SIZE,
        # SQLite has nothing to compare in an empty script.
        or_(size == 0, first != literal(OP_RETURN, output.c.script.type)),
    )


def is_repeated() -> ColumnElement[bool]:
    """Of a row of tx: a later transaction has its txid."""
    later = tx.alias("later")
    return exists().where(
        txid_prefix_of(later) == txid_prefix_of(tx),
        later.c.txid == tx.c.txid,
        later.c.tx_id > tx.c.tx_id,
    )
