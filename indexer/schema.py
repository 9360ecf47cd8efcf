"""The SQL tables of one network's index, the same on SQLite and PostgreSQL.

Hashes are 32 bytes in wire order (reversed for display). Amounts are integers in the smallest
unit. Times are seconds since 1970 UTC.

Ids rise in chain order, so that a larger id is a later object and a reorganisation deletes what
lies above one id. A transaction takes as many ids as it has inputs or outputs, whichever are
more, and is known by the first: its outputs are `tx_id + vout`, its inputs `tx_id + vin`, and
what an id belongs to is the transaction with the largest tx_id that is not above it (`tx_of`).
"""

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    func,
    literal_column,
    select,
)

metadata = MetaData()

BUSY_OUTPUTS = 16  # a script with more of them is busy
TXID_PREFIX_SIZE = 8  # bytes

# SQLite makes a rowid alias only of a column declared INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")

block = Table(
    "block",
    metadata,
    Column("height", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("header", LargeBinary, nullable=False),  # 80 bytes, without AuxPoW
    Column("time", BigInteger, nullable=False),
    Column("median_time", BigInteger, nullable=False),  # of this and the ten before: BIP113
    Column("tx_count", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("first_tx_id", BigInteger, nullable=False),
    Column("next_tx_id", BigInteger, nullable=False),  # the first id behind the block's
    Column("chain_tx_count", BigInteger, nullable=False),  # up to this block and with it
    Column("chain_output_count", BigInteger, nullable=False),
    Column("chain_input_count", BigInteger, nullable=False),
    Column("output_value", BigInteger, nullable=False),  # of all but the coinbase
    Column("coinbase_value", BigInteger, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("coinbase_script", LargeBinary, nullable=False),
    Index("block_by_time", "time"),
)

tx = Table(
    "tx",
    metadata,
    Column("tx_id", Id, primary_key=True, autoincrement=False),
    Column("txid", LargeBinary, nullable=False),
    Column("height", Integer, nullable=False),
    Column("position", Integer, nullable=False),  # in its block
    Column("output_count", Integer, nullable=False),
    Column("input_count", Integer, nullable=False),  # 0 for a coinbase
    Column("fee", BigInteger, nullable=False),  # 0 for a coinbase
    Column("size", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("flags", SmallInteger, nullable=False),  # keys.TxFlag
)


def txid_prefix_of(transactions: FromClause) -> ColumnElement[bytes]:
    """What the index tx_by_prefix holds in place of txids, written as the index has it."""
    return func.substr(
        transactions.c.txid,
        literal_column("1"),
        literal_column(str(TXID_PREFIX_SIZE)),
        type_=LargeBinary,
    )


Index("tx_by_prefix", txid_prefix_of(tx))

output = Table(
    "output",
    metadata,
    Column("output_id", Id, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    Column("script_key", BigInteger, nullable=False),  # keys.script_key: compare script as well
    Column("script", LargeBinary, nullable=False),
    # Each entry of SQLite's ends with the row's id, so that they are in the order of both.
    Index("output_by_script", "script_key").ddl_if(dialect="sqlite"),
    Index("output_by_script_and_id", "script_key", "output_id").ddl_if(dialect="postgresql"),
)

# An input is the spend of an output. A coinbase has no row here.
input_ = Table(
    "input",
    metadata,
    Column("input_id", Id, primary_key=True, autoincrement=False),
    Column("output_id", BigInteger, nullable=False),  # the prevout
    Index("input_by_output", "output_id"),
)

# What would take too long to gather when it is asked for. Few scripts have more than BUSY_OUTPUTS
# outputs, and only these have rows here and in the two tables below; of all others output and
# input say everything at once.
script = Table(
    "script",
    metadata,
    Column("script_id", Id, primary_key=True, autoincrement=False),  # of its first output
    Column("script_key", BigInteger, nullable=False),
    Column("tx_count", BigInteger, nullable=False),  # distinct transactions that pay or spend it
    Column("output_count", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("input_count", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("unspent_count", BigInteger, nullable=False),
    Column("unspent", BigInteger, nullable=False),
    Column("last_tx_id", BigInteger, nullable=False),
    Index("script_by_key", "script_key"),
)

# A busy script's outputs that can still be spent.
script_coin = Table(
    "script_coin",
    metadata,
    Column("script_id", BigInteger, primary_key=True, autoincrement=False),
    Column("output_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# The inputs that spend a busy script's outputs.
script_spend = Table(
    "script_spend",
    metadata,
    Column("script_id", BigInteger, primary_key=True, autoincrement=False),
    Column("input_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Whole blocks, kept when the node cannot serve them to another process (the embedded engine)
# or when the operator asks for it. Stale blocks stay.
raw_block = Table(
    "raw_block",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("height", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

stale_block = Table(
    "stale_block",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("height", Integer, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("tx_count", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("coinbase_value", BigInteger, nullable=False),
    Column("coinbase_script", LargeBinary, nullable=False),
    Column("disconnected_at", BigInteger, nullable=False),
    Index("stale_block_by_height", "height"),
)

mempool_tx = Table(
    "mempool_tx",
    metadata,
    Column("txid", LargeBinary, primary_key=True),
    Column("first_seen", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("flags", SmallInteger, nullable=False),
    Column("output_value", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

mempool_output = Table(
    "mempool_output",
    metadata,
    Column("txid", LargeBinary, primary_key=True),
    Column("vout", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    Column("script_key", BigInteger, nullable=False),
    Column("script", LargeBinary, nullable=False),
    Index("mempool_output_by_script", "script_key"),
)

mempool_input = Table(
    "mempool_input",
    metadata,
    Column("txid", LargeBinary, primary_key=True),
    Column("vin", Integer, primary_key=True, autoincrement=False),
    Column("prev_txid", LargeBinary, nullable=False),
    Column("prev_vout", Integer, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("script_key", BigInteger, nullable=False),
    Column("script", LargeBinary, nullable=False),
    Index("mempool_input_by_prevout", "prev_txid", "prev_vout"),
    Index("mempool_input_by_script", "script_key"),
)

# What a later transaction pushed out of the mempool; kept as a timeline.
replacement = Table(
    "replacement",
    metadata,
    Column("txid", LargeBinary, primary_key=True),
    Column("replaced_by", LargeBinary, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("replacement_by_replaced_by", "replaced_by"),
    Index("replacement_by_time", "replaced_at"),
)

# One row (id 1). The indexer writes it in the SQL transaction of what it describes; each web
# process polls it to learn that something moved.
state = Table(
    "state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("network", Text, nullable=False),  # Network.name
    Column("genesis", LargeBinary, nullable=False),
    Column("phase", Text, nullable=False),  # "bulk" or "follow"
    Column("tip_height", Integer, nullable=False),  # -1: nothing indexed
    Column("tip_hash", LargeBinary, nullable=False),
    Column("chain_generation", BigInteger, nullable=False),  # +1 per connect or disconnect
    Column("mempool_generation", BigInteger, nullable=False),  # +1 per change of the mempool
    Column("last_reorg_at", BigInteger),
    Column("last_reorg_depth", Integer),
    Column("progress", Float, nullable=False),  # of the index build after bulk, 0..1
    Column("node_height", Integer),
    Column("node_seen_at", BigInteger),  # the node last answered
    Column("node_error", Text),  # why it does not, in words; NULL when it does
    Column("node_error_at", BigInteger),
    Column("node_info", Text),  # JSON of node.base.NodeInfo
    Column("fee_estimates", Text),  # JSON: {"blocks": sat per 1000 vbytes}
    Column("heartbeat_at", BigInteger),  # the indexer is alive
)


def tx_of(item_id: ColumnElement[int]) -> ColumnElement[int]:
    """The tx_id of the transaction that an output_id or an input_id belongs to."""
    owner = tx.alias("owner")
    return select(func.max(owner.c.tx_id)).where(owner.c.tx_id <= item_id).scalar_subquery()


def has_txid(txids: Collection[bytes]) -> ColumnElement[bool]:
    """Of a row of tx: its txid is one of these."""
    prefixes = {txid[:TXID_PREFIX_SIZE] for txid in txids}
    return and_(txid_prefix_of(tx).in_(prefixes), tx.c.txid.in_(txids))
