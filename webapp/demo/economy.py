"""The demo's economy in one piece: its history is written once, then it goes on for ever."""

import threading

from indexer.chain.encoding import parse_block
from wallet.builder import Built
from webapp.demo import activity, faucet, history
from webapp.demo.cast import PIONEER, POOL, TIDES
from webapp.demo.history import Progress
from webapp.demo.town import Town


class Economy(Town):
    """Members, coins and blocks of an embedded node's chain. One thread at a time."""

    def write_history(
        self,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        now: int | None = None,
    ) -> None:
        """Write the past on an empty chain. `progress` is told blocks done and blocks in all."""
        history.write_history(self, progress, stop, now)

    def resume(self) -> None:
        """Learn from the node's chain and mempool who owns what."""
        self.ledger.follow()
        self.rng.seed(f"{self.seed}/{self.ledger.height}")

    def act(self) -> Built | None:
        """Somebody does something. TransactionRejectedError if the node will not have it."""
        self.ledger.follow()
        return activity.act(self)

    def mine_next(self) -> None:
        """Mine a block, now, of what pays best."""
        self.ledger.follow()
        miner = self.rng.choices((POOL, TIDES, PIONEER), (6, 3, 1))[0]
        self.mine(activity.next_block(self), miner=miner)

    def fill_faucet(self) -> None:
        """See to it that visitors can be given coins."""
        self.ledger.follow()
        faucet.fill(self)

    def reorganise(self, depth: int) -> None:
        """Let a competing branch win over the last `depth` blocks.

        It confirms part of what the first of them held; the rest waits again.
        """
        self.ledger.follow()
        first = self.node.block(self.node.block_hash(self.ledger.height - depth + 1))
        held = parse_block(first, self.node.network).transactions[1:]
        kept = held[: len(held) * 2 // 3]
        self.replace_blocks(depth, transactions=[tx.serialize() for tx in kept])
