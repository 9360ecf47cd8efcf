"""The demo's members, what they own, and how their transactions and blocks reach the chain."""

from collections.abc import Iterable, Sequence
from random import Random

from indexer.chain.encoding import TxOutput, parse_block
from indexer.node.embedded import EmbeddedNode
from wallet.builder import REPLACEABLE, Built, Coin, build
from wallet.fees import InsufficientFundsError
from webapp.demo import texts
from webapp.demo.cast import CAST, FAUCET, PIONEER, POOL, TIDES, Member
from webapp.demo.contracts import Contracts
from webapp.demo.ledger import Ledger
from webapp.demo.purse import HeldCoin, Purse

COINBASE_MATURITY = 100
SEED = "satchel"
_MEDIAN_FEE_RATE = 5_000  # per 1000 vbytes
_SMALL_CHANGE = 2_000  # coins below it are left to consolidations


class Town:
    """Drives an embedded node. One thread at a time."""

    def __init__(self, node: EmbeddedNode, *, seed: str = SEED) -> None:
        self.node = node
        self.seed = seed
        self.rng = Random(seed)  # noqa: S311 - a play, not a secret
        self.ledger = Ledger(node)
        self.purses = {
            member: Purse(member, seed, node.network, self.ledger.watched) for member in CAST
        }
        self.contracts = Contracts(self.purses)
        self.faucet = Purse(FAUCET, seed, node.network, self.ledger.watched)
        self.faucet.ordinary = ()  # its coins are spent by the web process alone
        # While the history is written, transactions go into its blocks without the mempool.
        self.collecting = False

    # What people have

    def is_free(self, held: HeldCoin) -> bool:
        """Whether the next block may spend it, its own timelock included, and nothing does yet."""
        if held.height is None or held.coin.outpoint in self.ledger.spenders:
            return False
        height = self.ledger.height
        if held.coinbase and height + 1 - held.height < COINBASE_MATURITY:
            return False
        spend = held.coin.spend
        if spend.locktime > height:
            return False
        return spend.sequence is None or self._aged(held.height, spend.sequence)

    def _aged(self, height: int, sequence: int) -> bool:
        """BIP68, for a coin confirmed at a height."""
        if sequence & 1 << 22:
            since = self.ledger.median_time(max(0, height - 1))
            passed = self.ledger.median_time(self.ledger.height) - since
            return passed >= (sequence & 0xFFFF) * 512
        return self.ledger.height + 1 - height >= sequence & 0xFFFF

    def free(self, purse: Purse) -> list[HeldCoin]:
        return [held for held in purse.coins.values() if self.is_free(held)]

    def spendable(self, purse: Purse) -> list[HeldCoin]:
        """The free coins that lie on the purse's ordinary addresses."""
        return [held for held in self.free(purse) if held.owned.series in purse.ordinary]

    def fee_rate(self) -> int:
        """What somebody in no special hurry pays per 1000 vbytes."""
        return max(1_000, min(120_000, round(self.rng.lognormvariate(0, 0.8) * _MEDIAN_FEE_RATE)))

    def choose(self, purse: Purse, amount: int, fee_rate: int) -> list[HeldCoin]:
        """Coins for an amount and the fee; empty if there are not enough."""
        candidates = list(purse.coins.values())
        chosen = []
        missing = amount + fee_rate // 5
        while candidates:
            held = candidates.pop(self.rng.randrange(len(candidates)))
            if (
                held.value < _SMALL_CHANGE
                or held.owned.series not in purse.ordinary
                or not self.is_free(held)
            ):
                continue
            chosen.append(held)
            missing -= held.value - fee_rate // 6
            if missing <= 0:
                return chosen
        return []

    # How transactions get about

    def pay(
        self,
        purse: Purse,
        payments: Sequence[TxOutput],
        *,
        fee_rate: int | None = None,
        coins: Iterable[HeldCoin] | None = None,
        change: bytes | None = None,
        locktime: int = 0,
        sequence: int = REPLACEABLE,
    ) -> Built | None:
        """Build and send; None if the coins do not suffice. Coins are chosen unless given."""
        rate = self.fee_rate() if fee_rate is None else fee_rate
        if coins is None:
            coins = self.choose(purse, sum(payment.value for payment in payments), rate)
        spent: list[Coin] = [held.coin for held in coins]
        if not spent:
            return None
        try:
            built = build(
                spent,
                payments,
                fee_rate=rate,
                change_script=purse.change.script() if change is None else change,
                network=self.node.network,
                locktime=locktime,
                sequence=sequence,
            )
        except InsufficientFundsError:
            return None
        self.send(built)
        return built

    def send(self, built: Built) -> None:
        """TransactionRejectedError if the node refuses it."""
        if not self.collecting:
            self.node.submit(built.tx.serialize())
        self.ledger.add(built.tx, built.fee)

    # Blocks

    def mine(
        self, txids: Iterable[bytes] | None = None, *, miner: Member = POOL, time: int | None = None
    ) -> None:
        """Mine a block of these pending transactions, or of all in the order they came."""
        pending = self.ledger.pending
        chosen = pending if txids is None else txids
        block = self.node.mine(
            self.reward_script(miner),
            text=self.coinbase_text(self.ledger.height + 1, miner),
            time=time,
            transactions=[pending[txid].tx.serialize() for txid in chosen],
        )
        self.ledger.connect(parse_block(self.node.block(block.hash), self.node.network))

    def replace_blocks(
        self, depth: int, *, time: int | None = None, transactions: Sequence[bytes] = ()
    ) -> None:
        """Let a competing branch win over the last `depth` blocks."""
        self.node.reorganise(
            depth,
            self.reward_script(TIDES),
            text=self.coinbase_text(self.ledger.height, TIDES),
            time=time,
            transactions=transactions,
        )
        self.ledger.follow()

    def reward_script(self, miner: Member) -> bytes:
        if miner is PIONEER:
            return self.contracts.bare_key.script()
        return self.purses[miner].receive.script_at(0)

    def coinbase_text(self, height: int, miner: Member) -> bytes:
        if height % 100 == 42:
            return texts.HOSTILE_COINBASE_TEXT.encode()
        if height % 7 == 1:
            return texts.COINBASE_TEXTS[height // 7 % len(texts.COINBASE_TEXTS)].encode()
        return f"/{miner.name}/".encode()
