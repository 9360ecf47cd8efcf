"""How a watched transaction or script looks now, so that a change of it is noticed.

A look is a value that differs when its page would; nothing else is to be read from it.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable

from sqlalchemy import Connection, func, select

from indexer.keys import script_hash_key
from indexer.schema import (
    block,
    has_txid,
    input_,
    mempool_input,
    mempool_output,
    mempool_tx,
    output,
    replacement,
    script,
    tx,
)

Looks = dict[bytes, frozenset[Hashable]]


def look_at_transactions(
    connection: Connection, txids: Collection[bytes], *, loading: bool
) -> Looks:
    """txid -> where it is and who spends it. While loading, spenders are not looked for."""
    seen: dict[bytes, set[Hashable]] = defaultdict(set)
    confirmed = (
        select(tx.c.txid, tx.c.tx_id, tx.c.output_count, block.c.hash)
        .join(block, block.c.height == tx.c.height)
        .where(has_txid(txids))
    )
    for txid, tx_id, output_count, block_hash in connection.execute(confirmed):
        seen[txid].add(("block", block_hash))
        if not loading:
            spent = select(func.count(), func.max(input_.c.input_id)).where(
                input_.c.output_id >= tx_id,
                input_.c.output_id < tx_id + output_count,
            )
            seen[txid].add(("spent", *connection.execute(spent).one()))
    for statement in (
        select(mempool_tx.c.txid, mempool_tx.c.first_seen).where(mempool_tx.c.txid.in_(txids)),
        select(replacement.c.txid, replacement.c.replaced_by).where(replacement.c.txid.in_(txids)),
        select(mempool_input.c.prev_txid, mempool_input.c.txid).where(
            mempool_input.c.prev_txid.in_(txids)
        ),
    ):
        for txid, what in connection.execute(statement):
            seen[txid].add(what)
    return {txid: frozenset(seen[txid]) for txid in txids}


def look_at_scripts(
    connection: Connection, script_hashes: Collection[bytes], *, loading: bool
) -> Looks:
    """SHA-256 of a script -> its confirmed sums and unconfirmed transactions.

    While loading there are no sums yet.
    """
    keys = {script_hash_key(script_hash): script_hash for script_hash in script_hashes}
    seen: dict[bytes, set[Hashable]] = defaultdict(set)
    if not loading:
        busy = select(
            script.c.script_key, script.c.output_count, script.c.input_count, script.c.last_tx_id
        ).where(script.c.script_key.in_(keys))
        quiet = set(keys)
        for key, *values in connection.execute(busy):
            seen[keys[key]].add(("sums", *values))
            quiet.discard(key)
        moves = (
            select(output.c.script_key, output.c.output_id, input_.c.input_id)
            .outerjoin_from(output, input_, input_.c.output_id == output.c.output_id)
            .where(output.c.script_key.in_(quiet))
        )
        for key, *ids in connection.execute(moves):
            seen[keys[key]].add(("move", *ids))
    for table in (mempool_output, mempool_input):
        waiting = (
            select(table.c.script_key, table.c.txid).where(table.c.script_key.in_(keys)).distinct()
        )
        for key, txid in connection.execute(waiting):
            seen[keys[key]].add((table.name, txid))
    return {script_hash: frozenset(seen[script_hash]) for script_hash in script_hashes}
