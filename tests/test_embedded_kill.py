"""kill -9 at any moment: what the embedded node reported as done is there at the next start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from indexer.chain.encoding import Block, parse_block, parse_transaction
from indexer.chain.script import is_unspendable
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import MATURITY, Miner

ROOT = Path(__file__).resolve().parents[1]
KILLS = 8


def run_and_kill(directory: Path, seed: int, seconds: float, number: int) -> list[list[str]]:
    """What the worker had reported when the signal hit it."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.embedded_worker", str(directory), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    first = worker.stdout.readline()  # it is up
    time.sleep(seconds)
    os.kill(worker.pid, number)
    rest = worker.stdout.read()
    worker.stdout.close()
    assert worker.wait() == -number
    whole_lines = (first + rest).rpartition("\n")[0].splitlines()
    return [line.split() for line in whole_lines]


def best_chain(node: EmbeddedNode) -> list[Block]:
    hashes = [node.block_hash(height) for height in range(node.tip().height + 1)]
    return [parse_block(node.block(each), node.network) for each in hashes]


def unspent(chain: list[Block]) -> set[tuple[bytes, int, int]]:
    coins: dict[tuple[bytes, int], int] = {}
    for block in chain[1:]:
        for transaction in block.transactions:
            for each in transaction.inputs:
                coins.pop((each.prev_txid, each.prev_vout), None)
            for vout, output in enumerate(transaction.outputs):
                if not is_unspendable(output.script):
                    coins[transaction.txid, vout] = output.value
    return {(txid, vout, value) for (txid, vout), value in coins.items()}


def check(node: EmbeddedNode, reported: list[list[str]]) -> None:
    """Nothing reported is missing, and the node's own tables agree with its chain."""
    chain = best_chain(node)
    transactions = [each for block in chain for each in block.transactions]
    waiting = node.mempool(frozenset()).added.values()
    transactions += [parse_transaction(entry.raw, node.network) for entry in waiting]
    spent = {each.prev_txid for transaction in transactions for each in transaction.inputs}
    for what, name in reported:
        if what == "spent":
            assert bytes.fromhex(name) in spent
        else:
            node.block(bytes.fromhex(name))
    rows = node._chain.store._sql.execute("SELECT txid, vout, value FROM coin WHERE NOT spent")
    assert set(rows) == unspent(chain)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_reported_is_lost(tmp_path: Path, number: int) -> None:
    directory = tmp_path / "node"
    random = Random(number)
    node = EmbeddedNode(directory)
    Miner(node).mine(MATURITY + 20)
    node.close()
    height = MATURITY + 20
    reported: list[list[str]] = []
    for seed in range(KILLS if number == signal.SIGKILL else 2):
        reported += run_and_kill(directory, seed, random.uniform(0.05, 0.8), number)
        node = EmbeddedNode(directory)
        assert node.tip().height > height
        height = node.tip().height
        check(node, reported)
        node.close()
    assert any(what == "spent" for what, _ in reported)


def test_a_kill_between_flushes_costs_only_resubmission(tmp_path: Path) -> None:
    """The engine itself loses the blocks: those of the store bring it up again."""
    directory = tmp_path / "node"
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from indexer.node.embedded import EmbeddedNode;"
        "node = EmbeddedNode(Path(sys.argv[1]));"
        "[node.mine(b'Q') for _ in range(90)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], cwd=ROOT, check=False)
    node = EmbeddedNode(directory)
    assert node.tip().height == 90
    assert len(unspent(best_chain(node))) == 90
    node.mine(b"Q")
    node.close()
