"""What is kept of busy scripts, made from all rows at once at the end of a load.

Every statement reads the tables from front to back, or beside another in step: an output's
transaction and its spend are found in rising order.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    text,
)

from indexer.schema import BUSY_OUTPUTS, Id
from indexer.unspent import MAX_SCRIPT_SIZE, OP_RETURN

_temporary = MetaData()
_busy_key = Table(
    "busy_key",
    _temporary,
    Column("script_key", Id, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
_busy = Table(
    "busy",
    _temporary,
    Column("script_id", Id, primary_key=True, autoincrement=False),
    Column("script_key", BigInteger, nullable=False),
    Column("script", LargeBinary, nullable=False),
    Index("busy_by_key", "script_key"),
    prefixes=["TEMPORARY"],
)
# An output of a busy script and the input that spends it.
_busy_move = Table(
    "busy_move",
    _temporary,
    Column("output_id", Id, primary_key=True, autoincrement=False),
    Column("script_id", BigInteger, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("tx_id", BigInteger, nullable=False),
    Column("input_id", BigInteger),
    Column("spender", BigInteger),  # a tx_id
    Column("is_coin", SmallInteger, nullable=False),  # 0 or 1
    prefixes=["TEMPORARY"],
)

_FIND_KEYS = """
INSERT INTO busy_key
SELECT script_key FROM output GROUP BY script_key HAVING count(*) > :most
"""
# CROSS JOIN and the plus keep SQLite from reading outputs in another order, each from elsewhere.
_FIND_SCRIPTS = """
INSERT INTO busy (script_id, script_key, script)
SELECT min(output.output_id), +output.script_key, output.script
FROM output CROSS JOIN busy_key WHERE busy_key.script_key = output.script_key
GROUP BY +output.script_key, output.script HAVING count(*) > :most
"""
_FIND_MOVES = """
INSERT INTO busy_move (output_id, script_id, value, tx_id, input_id, spender, is_coin)
SELECT output.output_id, busy.script_id, output.value,
    (SELECT max(tx_id) FROM tx WHERE tx_id <= output.output_id), input.input_id,
    (SELECT max(tx_id) FROM tx WHERE tx_id <= input.input_id),
    CASE WHEN input.input_id IS NULL
        AND output.output_id >= (SELECT next_tx_id FROM block WHERE height = 0)
        AND length(output.script) <= :largest
        AND (length(output.script) = 0 OR substr(output.script, 1, 1) <> :op_return)
        AND NOT EXISTS (
            SELECT 1 FROM tx CROSS JOIN tx AS later
            WHERE tx.tx_id = (SELECT max(tx_id) FROM tx WHERE tx_id <= output.output_id)
                AND substr(later.txid, 1, 8) = substr(tx.txid, 1, 8)  -- as the index has it
                AND later.txid = tx.txid AND later.tx_id > tx.tx_id
        ) THEN 1 ELSE 0 END
FROM output CROSS JOIN busy LEFT JOIN input ON input.output_id = output.output_id
WHERE busy.script_key = output.script_key AND busy.script = output.script
"""
_FILL_COIN = """
INSERT INTO script_coin (script_id, output_id)
SELECT script_id, output_id FROM busy_move WHERE is_coin = 1 ORDER BY script_id, output_id
"""
_FILL_SPEND = """
INSERT INTO script_spend (script_id, input_id)
SELECT script_id, input_id FROM busy_move WHERE input_id IS NOT NULL ORDER BY script_id, input_id
"""
_FILL_SCRIPT = """
INSERT INTO script (script_id, script_key, tx_count, output_count, received, input_count, sent,
    unspent_count, unspent, last_tx_id)
SELECT script_id, (SELECT script_key FROM busy WHERE busy.script_id = move.script_id),
    count(DISTINCT tx_id), sum(made), sum(received), sum(spent), sum(sent), sum(coin),
    sum(unspent), max(tx_id)
FROM (
    SELECT script_id, tx_id, 1 AS made, value AS received, 0 AS spent, 0 AS sent,
        is_coin AS coin, is_coin * value AS unspent FROM busy_move
    UNION ALL
    SELECT script_id, spender, 0, 0, 1, value, 0, 0 FROM busy_move WHERE input_id IS NOT NULL
) AS move GROUP BY script_id
"""


def fill_busy(connection: Connection) -> None:
    """Fill script, script_coin and script_spend, which are empty."""
    _temporary.create_all(connection, checkfirst=False)
    connection.execute(text(_FIND_KEYS), {"most": BUSY_OUTPUTS})
    connection.execute(text(_FIND_SCRIPTS), {"most": BUSY_OUTPUTS})
    connection.execute(text(_FIND_MOVES), {"largest": MAX_SCRIPT_SIZE, "op_return": OP_RETURN})
    for fill in (_FILL_COIN, _FILL_SPEND, _FILL_SCRIPT):
        connection.execute(text(fill))
    _temporary.drop_all(connection, checkfirst=False)
