"""The demo's present: transactions and blocks go on until they are told to stop."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from indexer.node.base import NodeUnavailableError, TransactionRejectedError
from indexer.node.engine import BlockRejectedError
from webapp.demo.economy import Economy
from webapp.demo.history import HISTORY_BLOCKS

logger = logging.getLogger(__name__)

_LIVELY = 14  # transactions that should wait in the mempool
_REORG_EVERY = 152
_FIRST_REORG = HISTORY_BLOCKS + 3
_ASKED_DEPTH = 3
_LOOK_EVERY = 0.5  # seconds


def run_live(
    economy: Economy,
    stop: threading.Event,
    *,
    block_interval: float = 15.0,
    tx_rate: float = 0.5,
    reorganise: threading.Event | None = None,
) -> None:
    """Act until `stop` is set: blocks every so many seconds, transactions per second.

    Whenever `reorganise` is set the chain is reorganised once.
    """
    try:
        economy.resume()
        _try(economy, economy.fill_faucet)
        _fill_mempool(economy, stop, tx_rate)
        _run(economy, stop, block_interval, tx_rate, reorganise or threading.Event())
    except NodeUnavailableError:
        if not stop.is_set():
            raise


def _run(
    economy: Economy,
    stop: threading.Event,
    block_interval: float,
    tx_rate: float,
    reorganise: threading.Event,
) -> None:
    rng = economy.rng
    next_tx = next_block = monotonic()
    next_block += block_interval
    while not stop.is_set():
        now = monotonic()
        if reorganise.is_set():
            reorganise.clear()
            _try(economy, lambda: economy.reorganise(_ASKED_DEPTH))
        if now >= next_tx and tx_rate > 0:
            _try(economy, economy.act)
            next_tx = max(next_tx, now - 1) + rng.expovariate(tx_rate)
        if now >= next_block:
            _try(economy, lambda: _next_block(economy))
            _try(economy, economy.fill_faucet)
            next_block = max(next_block, now - 1) + block_interval * rng.uniform(0.6, 1.4)
        due = next_block if tx_rate <= 0 else min(next_tx, next_block)
        stop.wait(min(max(due - monotonic(), 0), _LOOK_EVERY))


def _next_block(economy: Economy) -> None:
    """Now and again, and soon after the history, it is one that overturns the last block."""
    height = economy.ledger.height + 1
    if height == _FIRST_REORG or height % _REORG_EVERY == 0:
        economy.reorganise(1)
    else:
        economy.mine_next()


def _fill_mempool(economy: Economy, stop: threading.Event, tx_rate: float) -> None:
    """Begin with a mempool worth looking at."""
    for _ in range(2 * _LIVELY):
        if tx_rate <= 0 or stop.is_set() or len(economy.ledger.pending) >= _LIVELY:
            return
        _try(economy, economy.act)


def _try(economy: Economy, step: Callable[[], object]) -> None:
    """What the node refuses is told and forgotten: somebody else may have come first."""
    try:
        step()
    except (TransactionRejectedError, BlockRejectedError) as error:
        logger.warning("the node refused something of the demo: %s", error)
        economy.ledger.follow()
