"""Random use of the embedded node: whatever happens, mempool, coins and engine agree."""

from pathlib import Path
from random import Random

import pytest

from indexer.chain.encoding import Transaction
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from indexer.node.engine import BlockRejectedError
from indexer.node.mempool_graph import ancestors
from tests.fixtures_embedded import Miner
from tests.test_embedded_kill import best_chain, unspent
from wallet.builder import Coin

STEPS = 300


class Walk:
    """Somebody who spends anything they ever saw, confirmed, replaced or reorganised away."""

    def __init__(self, miner: Miner, random: Random) -> None:
        self.miner = miner
        self.node = miner.node
        self.random = random
        self.seen: list[Coin] = list(miner.coins)
        self.accepted = 0

    def transaction(self) -> Transaction:
        recent = self.seen[-15:] if self.random.random() < 0.8 else self.seen
        coins = self.random.sample(recent, min(len(recent), self.random.choice([1, 1, 1, 2, 3])))
        fee = self.random.choice([0, 50, 200, 1_000, 5_000, 40_000])
        return self.miner.build(coins, fee, parts=self.random.choice([1, 2, 2, 5]))

    def pay(self) -> None:
        transaction = self.transaction()
        try:
            self.node.submit(transaction.serialize())
        except TransactionRejectedError:
            return
        self.accepted += 1
        for vout in range(len(transaction.outputs)):
            self.seen.append(self.miner.coin_of(transaction, vout))

    def mine_chosen(self) -> None:
        """Whoever mines need not ask the mempool."""
        chosen = [self.transaction().serialize() for _ in range(self.random.choice([1, 2]))]
        before = self.node.tip()
        try:
            self.node.mine(self.miner.spend.script, transactions=chosen)
        except BlockRejectedError:
            assert self.node.tip() == before

    def reorganise(self) -> None:
        side: list[bytes] = []
        if self.random.random() < 0.5:
            side = [self.transaction().serialize()]
        depth = self.random.choice([1, 1, 2, 3, 6])
        before = self.node.tip()
        try:
            self.node.reorganise(depth, self.miner.spend.script, transactions=side)
        except BlockRejectedError:
            assert self.node.tip() == before

    def step(self) -> None:
        action = self.random.choices(
            [
                self.pay,
                lambda: self.node.mine(self.miner.spend.script),
                self.mine_chosen,
                self.reorganise,
            ],
            [20, 3, 1, 1],
        )[0]
        action()

    def check(self) -> None:
        node = self.node
        pool = node._mempool.entries
        coins = unspent(best_chain(node))
        rows = node._chain.store._sql.execute("SELECT txid, vout, value FROM coin WHERE NOT spent")
        assert set(rows) == coins
        values = {(txid, vout): value for txid, vout, value in coins}
        spent: set[tuple[bytes, int]] = set()
        earlier: set[bytes] = set()
        for txid, entry in pool.items():
            outpoints = {(each.prev_txid, each.prev_vout) for each in entry.transaction.inputs}
            assert outpoints <= values.keys(), "inputs exist, parents come first"
            assert not outpoints & spent, "no output is spent twice"
            assert {each.txid for each in entry.parents} == {
                prev_txid for prev_txid, _ in outpoints if prev_txid in earlier
            }
            assert all(entry in parent.children for parent in entry.parents)
            assert all(pool[child.txid] is child for child in entry.children)
            assert len(ancestors([entry])) <= 25
            outputs = entry.transaction.outputs
            value_in = sum(values[each] for each in outpoints)
            assert entry.fee == value_in - sum(output.value for output in outputs)
            spent |= outpoints
            earlier.add(txid)
            values |= {(txid, vout): output.value for vout, output in enumerate(outputs)}


@pytest.mark.parametrize("seed", range(4))
def test_a_random_walk_keeps_everything_in_step(miner: Miner, tmp_path: Path, seed: int) -> None:
    walk = Walk(miner, Random(seed))
    for step in range(STEPS):
        walk.step()
        if step % 20 == 19:
            walk.check()
    before = walk.node.mempool(frozenset())
    tip = walk.node.tip()
    walk.node.close()
    again = EmbeddedNode(tmp_path / "node")
    assert again.tip() == tip
    assert again.mempool(frozenset()) == before
    while again.mempool(frozenset()).added:
        again.mine(miner.spend.script)
    again.close()
    assert walk.accepted > 40
