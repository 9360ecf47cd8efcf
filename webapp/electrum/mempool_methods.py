"""Methods about the mempool and what a place in a block costs."""

from typing import Any

from indexer.queries.mempool import fee_estimates, fee_histogram
from indexer.queries.node import node_info
from webapp.electrum.call import Call
from webapp.electrum.parameters import text, whole_number


def estimatefee(call: Call, number: Any, mode: Any = None) -> Any:
    """Coins per 1000 vbytes by the node's estimate, -1 if it has none.

    The estimates are the node's default ones: `mode` changes nothing.
    """
    blocks = whole_number(number, "number")
    if mode is not None:
        text(mode, "mode", 32)
    estimates = fee_estimates(call.connection)
    if not estimates:
        return -1
    reached = [each for each in estimates if each <= blocks]
    return _coins(call, estimates[max(reached) if reached else min(estimates)])


def relayfee(call: Call) -> Any:
    """Coins per 1000 vbytes below which the node takes no transaction now."""
    info = node_info(call.connection)
    return 0.0 if info is None else _coins(call, info.relay_fee)


def get_info(call: Call) -> Any:
    """The three rates of the node in one: Satchel knows what it takes now, and that a
    replacement must not raise the fee by more than that."""
    rate = relayfee(call)
    return {"mempoolminfee": rate, "minrelaytxfee": rate, "incrementalrelayfee": rate}


def get_fee_histogram(call: Call) -> Any:
    """[fee rate per vbyte, vsize] from the best paying down."""
    return [[rate, vsize] for rate, vsize in fee_histogram(call.connection)]


def _coins(call: Call, amount: int) -> float:
    coin: int = 10**call.sources.network.decimals
    return amount / coin
