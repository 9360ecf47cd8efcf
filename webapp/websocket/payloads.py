"""The parts that WebSocket messages are made of, as JSON text: made once, sent to all.

To be called in an application context, whose connection all of one message is read from.
"""

import json
from importlib.metadata import version
from typing import Any, Final

from indexer.chain.encoding import hash_hex
from indexer.queries.arrivals import arriving_vsize
from indexer.queries.blocks import block_heads
from indexer.queries.full_transactions import (
    FullTransaction,
    confirmed_transactions,
    pending_transactions,
)
from indexer.queries.mempool import Mempool, newest_pending
from indexer.queries.node import node_info
from indexer.queries.packages import package
from indexer.queries.replacements import last_version
from indexer.queries.transactions import find_confirmed
from webapp.api.json_shapes import recent_json, transaction_json
from webapp.api.v1_blocks import adjustment_shape, extended_block
from webapp.api.v1_fees import current_advice, projected_shape, recommended_shape
from webapp.context import connection, network, raw, required_pulse
from webapp.mempool_cache import current_mempool

Parts = dict[str, str]  # name -> JSON text

INITIAL_BLOCKS: Final = 8
RECENT: Final = 6
RATE_SECONDS: Final = 150  # over which arriving vbytes are averaged


def compose(parts: Parts) -> str:
    """A message of parts."""
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in parts.items()) + "}"


def write(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def initial_parts() -> Parts:
    """What is sent for "init"."""
    parts = wanted_parts(frozenset({"blocks", "stats", "mempool-blocks"}))
    parts["transactions"] = recent_transactions()
    told = {"hostname": "", "version": version("satchel"), "gitCommit": ""}
    parts["backendInfo"] = write({**told, "lightning": False, "backend": "esplora"})
    parts["loadingIndicators"] = "{}"
    return parts


def wanted_parts(wants: frozenset[str]) -> Parts:
    """What is sent at once to who begins to want something."""
    parts: Parts = {}
    if "blocks" in wants:
        parts["blocks"] = latest_blocks()
    if "mempool-blocks" in wants:
        parts["mempool-blocks"] = mempool_blocks()
    if "stats" in wants:
        parts |= statistics()
    return parts


def latest_blocks() -> str:
    """The latest blocks, oldest first."""
    heads = block_heads(connection(), None, INITIAL_BLOCKS)
    return write([extended_block(head) for head in reversed(heads)])


def mempool_blocks() -> str:
    return write([projected_shape(each) for each in current_mempool().projected])


def recent_transactions() -> str:
    return write([recent_json(each) for each in newest_pending(connection(), RECENT)])


def statistics() -> Parts:
    waiting = current_mempool()
    parts = {
        "mempoolInfo": write(_mempool_info(waiting)),
        "vBytesPerSecond": write(round(arriving_vsize(connection(), RATE_SECONDS))),
        "fees": write(recommended_shape(current_advice(waiting))),
    }
    adjustment = adjustment_shape(connection(), network())
    if adjustment is not None:
        parts["da"] = write(adjustment)
    return parts


def tracked_transaction(txid: bytes, *, watch_mempool: bool) -> Parts:
    """What is sent at once to who begins to track a transaction."""
    name = write(hash_hex(txid))
    if find_confirmed(connection(), txid) is not None:
        return {"txConfirmed": name}
    parts = position(txid)
    if not watch_mempool:
        return parts
    last = last_version(connection(), txid)
    if last != txid:
        return {"txReplaced": write({"txid": hash_hex(last)})}
    pending = pending_transactions(connection(), network(), [txid])
    if pending:
        parts["tx"] = full_text(pending[0])
    return parts


def position(txid: bytes) -> Parts:
    """Where an unconfirmed transaction stands; nothing of others.

    Told from its fee rate and the rates of the projected blocks: which of them, and about how many
    virtual bytes of all are before it.
    """
    found = package(connection(), txid)
    if found is None:
        return {}
    number, before = _place(current_mempool(), 1000 * found.effective_rate)
    place = {"block": number, "vsize": before}
    return {"txPosition": write({"txid": hash_hex(txid), "position": place})}


def confirmed_texts(txids: list[bytes]) -> list[str]:
    """Transactions of the chain, as JSON text."""
    return [full_text(each) for each in confirmed_transactions(connection(), raw(), txids)]


def pending_texts(txids: list[bytes]) -> list[str]:
    """Transactions of the mempool, as JSON text."""
    return [full_text(each) for each in pending_transactions(connection(), network(), txids)]


def full_text(full: FullTransaction) -> str:
    return write(transaction_json(full, network()))


def listed(texts: list[str]) -> str:
    return "[" + ",".join(texts) + "]"


def _place(waiting: Mempool, rate: float) -> tuple[int, int]:
    """The projected block that a rate gets into, and the virtual bytes that pay more."""
    before = 0
    for number, block in enumerate(waiting.projected):
        if rate >= block.rates.minimum:
            better = (band.vsize for band in block.rates.bands if 1000 * band.low > rate)
            return number, before + sum(better)
        before += block.vsize
    return max(0, len(waiting.projected) - 1), before


def _mempool_info(waiting: Mempool) -> dict[str, Any]:
    """As Core's getmempoolinfo; amounts in coins."""
    coin: int = 10 ** network().decimals
    node = node_info(connection())
    least = 0 if node is None else node.relay_fee
    return {
        "loaded": not required_pulse().loading,
        "size": waiting.tx_count,
        "bytes": waiting.vsize,
        "total_fee": waiting.fees / coin,
        "mempoolminfee": least / coin,
        "minrelaytxfee": least / coin,
    }
