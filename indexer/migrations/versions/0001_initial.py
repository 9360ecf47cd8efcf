"""The first schema: chain, mempool, replacements and state."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_block()
    _create_tx()
    _create_output()
    _create_input()
    _create_script()
    _create_script_coin()
    _create_script_spend()
    _create_raw_block()
    _create_stale_block()
    _create_mempool_tx()
    _create_mempool_output()
    _create_mempool_input()
    _create_replacement()
    _create_state()


def downgrade() -> None:
    for table in (
        "state",
        "replacement",
        "mempool_input",
        "mempool_output",
        "mempool_tx",
        "stale_block",
        "raw_block",
        "script_spend",
        "script_coin",
        "script",
        "input",
        "output",
        "tx",
        "block",
    ):
        op.drop_table(table)


def _create_block() -> None:
    op.create_table(
        "block",
        sa.Column("height", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("median_time", sa.BigInteger, nullable=False),
        sa.Column("tx_count", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("first_tx_id", sa.BigInteger, nullable=False),
        sa.Column("next_tx_id", sa.BigInteger, nullable=False),
        sa.Column("chain_tx_count", sa.BigInteger, nullable=False),
        sa.Column("chain_output_count", sa.BigInteger, nullable=False),
        sa.Column("chain_input_count", sa.BigInteger, nullable=False),
        sa.Column("output_value", sa.BigInteger, nullable=False),
        sa.Column("coinbase_value", sa.BigInteger, nullable=False),
        sa.Column("fees", sa.BigInteger, nullable=False),
        sa.Column("coinbase_script", sa.LargeBinary, nullable=False),
    )
    op.create_index("block_by_time", "block", ["time"])


def _create_tx() -> None:
    op.create_table(
        "tx",
        sa.Column("tx_id", Id, primary_key=True, autoincrement=False),
        sa.Column("txid", sa.LargeBinary, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("output_count", sa.Integer, nullable=False),
        sa.Column("input_count", sa.Integer, nullable=False),
        sa.Column("fee", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("flags", sa.SmallInteger, nullable=False),
    )
    op.create_index("tx_by_prefix", "tx", [sa.text("substr(txid, 1, 8)")])


def _create_output() -> None:
    op.create_table(
        "output",
        sa.Column("output_id", Id, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("script_key", sa.BigInteger, nullable=False),
        sa.Column("script", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("output_by_script", "output", ["script_key"])
    else:
        op.create_index("output_by_script_and_id", "output", ["script_key", "output_id"])


def _create_input() -> None:
    op.create_table(
        "input",
        sa.Column("input_id", Id, primary_key=True, autoincrement=False),
        sa.Column("output_id", sa.BigInteger, nullable=False),
    )
    op.create_index("input_by_output", "input", ["output_id"])


def _create_script() -> None:
    op.create_table(
        "script",
        sa.Column("script_id", Id, primary_key=True, autoincrement=False),
        sa.Column("script_key", sa.BigInteger, nullable=False),
        sa.Column("tx_count", sa.BigInteger, nullable=False),
        sa.Column("output_count", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("input_count", sa.BigInteger, nullable=False),
        sa.Column("sent", sa.BigInteger, nullable=False),
        sa.Column("unspent_count", sa.BigInteger, nullable=False),
        sa.Column("unspent", sa.BigInteger, nullable=False),
        sa.Column("last_tx_id", sa.BigInteger, nullable=False),
    )
    op.create_index("script_by_key", "script", ["script_key"])


def _create_script_coin() -> None:
    op.create_table(
        "script_coin",
        sa.Column("script_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("output_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _create_script_spend() -> None:
    op.create_table(
        "script_spend",
        sa.Column("script_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("input_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _create_raw_block() -> None:
    op.create_table(
        "raw_block",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )


def _create_stale_block() -> None:
    op.create_table(
        "stale_block",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("tx_count", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("fees", sa.BigInteger, nullable=False),
        sa.Column("coinbase_value", sa.BigInteger, nullable=False),
        sa.Column("coinbase_script", sa.LargeBinary, nullable=False),
        sa.Column("disconnected_at", sa.BigInteger, nullable=False),
    )
    op.create_index("stale_block_by_height", "stale_block", ["height"])


def _create_mempool_tx() -> None:
    op.create_table(
        "mempool_tx",
        sa.Column("txid", sa.LargeBinary, primary_key=True),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("fee", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("flags", sa.SmallInteger, nullable=False),
        sa.Column("output_value", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )


def _create_mempool_output() -> None:
    op.create_table(
        "mempool_output",
        sa.Column("txid", sa.LargeBinary, primary_key=True),
        sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("script_key", sa.BigInteger, nullable=False),
        sa.Column("script", sa.LargeBinary, nullable=False),
    )
    op.create_index("mempool_output_by_script", "mempool_output", ["script_key"])


def _create_mempool_input() -> None:
    op.create_table(
        "mempool_input",
        sa.Column("txid", sa.LargeBinary, primary_key=True),
        sa.Column("vin", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("prev_txid", sa.LargeBinary, nullable=False),
        sa.Column("prev_vout", sa.Integer, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("script_key", sa.BigInteger, nullable=False),
        sa.Column("script", sa.LargeBinary, nullable=False),
    )
    op.create_index("mempool_input_by_prevout", "mempool_input", ["prev_txid", "prev_vout"])
    op.create_index("mempool_input_by_script", "mempool_input", ["script_key"])


def _create_replacement() -> None:
    op.create_table(
        "replacement",
        sa.Column("txid", sa.LargeBinary, primary_key=True),
        sa.Column("replaced_by", sa.LargeBinary, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("fee", sa.BigInteger, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    op.create_index("replacement_by_replaced_by", "replacement", ["replaced_by"])
    op.create_index("replacement_by_time", "replacement", ["replaced_at"])


def _create_state() -> None:
    op.create_table(
        "state",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("genesis", sa.LargeBinary, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("tip_height", sa.Integer, nullable=False),
        sa.Column("tip_hash", sa.LargeBinary, nullable=False),
        sa.Column("chain_generation", sa.BigInteger, nullable=False),
        sa.Column("mempool_generation", sa.BigInteger, nullable=False),
        sa.Column("last_reorg_at", sa.BigInteger),
        sa.Column("last_reorg_depth", sa.Integer),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("node_height", sa.Integer),
        sa.Column("node_seen_at", sa.BigInteger),
        sa.Column("node_error", sa.Text),
        sa.Column("node_error_at", sa.BigInteger),
        sa.Column("node_info", sa.Text),
        sa.Column("fee_estimates", sa.Text),
        sa.Column("heartbeat_at", sa.BigInteger),
    )
