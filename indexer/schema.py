"""The SQL tables of one network's index, the same on SQLite and PostgreSQL.

Hashes are 32 bytes in wire order (reversed for display). Amounts are integers in the smallest
unit. Times are seconds since 1970 UTC. Ids are dense and in chain order, so that a larger id is
a later object and a reorganisation deletes what lies above one id.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

metadata = MetaData()

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
    Column("first_output_id", BigInteger, nullable=False),
    Column("first_input_id", BigInteger, nullable=False),
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
    Column("txid_key", BigInteger, nullable=False),  # keys.txid_key: compare txid as well
    Column("height", Integer, nullable=False),
    Column("first_output_id", BigInteger, nullable=False),
    Column("first_input_id", BigInteger, nullable=False),
    Column("output_count", Integer, nullable=False),
    Column("input_count", Integer, nullable=False),  # 0 for a coinbase
    Column("output_value", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),  # 0 for a coinbase
    Column("size", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("flags", SmallInteger, nullable=False),  # keys.TxFlag
    Index("tx_by_key", "txid_key"),
)

output = Table(
    "output",
    metadata,
    Column("output_id", Id, primary_key=True, autoincrement=False),  # first_output_id + vout
    Column("tx_id", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("script_key", BigInteger, nullable=False),  # keys.script_key: compare script as well
    Column("script", LargeBinary, nullable=False),
    Index("output_by_script", "script_key", "tx_id"),
)

# An input is the spend of an output. A coinbase has no row here.
input_ = Table(
    "input",
    metadata,
    Column("input_id", Id, primary_key=True, autoincrement=False),  # first_input_id + vin
    Column("tx_id", BigInteger, nullable=False),
    Column("output_id", BigInteger, nullable=False),  # the prevout
    Column("script_key", BigInteger, nullable=False),  # of the prevout
    Column("value", BigInteger, nullable=False),  # of the prevout
    Index("input_by_output", "output_id"),
    Index("input_by_script", "script_key", "tx_id"),
)

# Outputs that can still be spent, so that a busy address lists its coins at the cost of a page.
utxo = Table(
    "utxo",
    metadata,
    Column("script_key", BigInteger, primary_key=True, autoincrement=False),
    Column("output_id", BigInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

script = Table(
    "script",
    metadata,
    Column("script_key", Id, primary_key=True, autoincrement=False),
    Column("tx_count", BigInteger, nullable=False),  # distinct transactions that pay or spend it
    Column("output_count", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("input_count", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("unspent_count", BigInteger, nullable=False),
    Column("unspent", BigInteger, nullable=False),
    Column("first_tx_id", BigInteger, nullable=False),
    Column("last_tx_id", BigInteger, nullable=False),
    # 1: two scripts share this key (2^32 work), so the sums hold both and must be recomputed.
    Column("ambiguous", SmallInteger, nullable=False, default=0),
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
