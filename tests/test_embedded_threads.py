"""The embedded node used by several threads at once: waiting, waking, reading while it moves."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from indexer.chain.encoding import Transaction, parse_block
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import Miner
from tests.test_embedded_node import ANYONE, FEE, waiting


def test_waiting_ends_with_a_block_a_transaction_or_the_timeout(miner: Miner) -> None:
    node = miner.node
    node.wait(0.1)
    started = time.monotonic()
    node.wait(0.2)
    assert time.monotonic() - started >= 0.2
    for action in (miner.mine, lambda: miner.send([miner.coins.pop(0)], FEE)):
        timer = threading.Timer(0.1, action)
        started = time.monotonic()
        timer.start()
        node.wait(30)
        assert time.monotonic() - started < 10
        timer.join()


def test_what_happened_between_two_waits_is_not_missed(miner: Miner) -> None:
    miner.node.wait(0)
    miner.mine()
    started = time.monotonic()
    miner.node.wait(30)
    assert time.monotonic() - started < 10


def test_closing_wakes_who_waits(embedded_node: EmbeddedNode) -> None:
    embedded_node.mine(ANYONE)

    def wait_twice() -> None:
        for seconds in (0, 60):
            embedded_node.wait(seconds)

    waiter = threading.Thread(target=wait_twice)
    waiter.start()
    time.sleep(0.1)
    embedded_node.close()
    waiter.join(10)
    assert not waiter.is_alive()


def test_many_threads_may_use_it_at_once(miner: Miner) -> None:
    node = miner.node
    split = miner.send([miner.coins.pop(0)], FEE, parts=60)
    miner.mine()
    stop = threading.Event()
    errors: list[BaseException] = []
    sent: list[Transaction] = []

    def guarded(action: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                action()
            except BaseException as error:
                errors.append(error)

        return threading.Thread(target=run)

    def read() -> None:
        while not stop.is_set():
            tip = node.tip()
            parse_block(node.block(tip.hash), node.network)
            node.spent_outputs(tip.hash)
            node.mempool(frozenset())
            node.fee_estimates()
            node.info()
            node.wait(0.01)

    def pay(first: int) -> None:
        coins = [miner.coin_of(split, vout) for vout in range(first, first + 20)]
        sent.extend(miner.send([coin], FEE) for coin in coins)

    def mine() -> None:
        for number in range(150):
            if number % 10 == 9:
                node.reorganise(2, ANYONE)
            else:
                node.mine(ANYONE)

    readers = [guarded(read) for _ in range(3)]
    writers = [guarded(mine), *(guarded(partial(pay, first)) for first in (0, 20, 40))]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert errors == []
    node.mine(ANYONE)
    assert waiting(node) == set()
    confirmed = {
        each.txid
        for height in range(node.tip().height + 1)
        for each in parse_block(node.block(node.block_hash(height)), node.network).transactions
    }
    assert {each.txid for each in sent} <= confirmed
    assert len(sent) == 60


def test_a_refused_transaction_wakes_nobody(miner: Miner) -> None:
    miner.node.wait(0)
    with pytest.raises(TransactionRejectedError):
        miner.node.submit(b"rubbish")
    started = time.monotonic()
    miner.node.wait(0.2)
    assert time.monotonic() - started >= 0.2
