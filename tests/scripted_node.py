"""A node whose chain and mempool a test writes itself: no scripts run, no work is done."""

from collections.abc import Sequence
from dataclasses import replace

from indexer.chain.encoding import (
    Block,
    BlockHeader,
    Transaction,
    TxInput,
    TxOutput,
    parse_transaction,
)
from indexer.chain.merkle import merkle_root
from indexer.chain.network import Network, get_network
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    MempoolEntry,
    NodeInfo,
    PackageResult,
    SpentOutput,
    TransactionRejectedError,
    Verdict,
)

COIN = 100_000_000
START_TIME = 1_700_000_000
REPLACEABLE = 0xFFFFFFFD


def script_of(name: str) -> bytes:
    """A P2WPKH script of somebody."""
    return b"\x00\x14" + name.encode().ljust(20, b"\0")[:20]


def spend(
    prevouts: Sequence[tuple[Transaction, int]],
    outputs: Sequence[tuple[int, bytes]],
    *,
    sequence: int = REPLACEABLE,
    locktime: int = 0,
) -> Transaction:
    """A transaction that spends outputs of others; its signatures are noise."""
    return Transaction(
        2,
        [
            TxInput(made.txid, vout, b"", sequence, (b"\x30" * 71, b"\x02" * 33))
            for made, vout in prevouts
        ],
        [TxOutput(value, script) for value, script in outputs],
        locktime,
    )


class ScriptedNode:
    """Its chain starts with a genesis block of its own, whose coinbase nobody can spend."""

    def __init__(self, network: str = "bitcoin-regtest") -> None:
        self.network: Network = get_network(network)
        self.pool: dict[bytes, MempoolEntry] = {}
        self.chain: list[Block] = []
        self._blocks: dict[bytes, Block] = {}
        self._coinbases = 0
        self.mine()
        self.network = replace(self.network, genesis_hash=self.chain[0].hash)

    def mine(self, *transactions: Transaction, miner: str = "miner", fees: int = 0) -> Block:
        """A block on the tip with these; they leave the mempool, and what they make impossible."""
        height = len(self.chain)
        self._coinbases += 1
        signature = b"\x04" + height.to_bytes(4, "little") + self._coinbases.to_bytes(4, "little")
        coinbase = Transaction(
            2,
            [TxInput(bytes(32), 0xFFFFFFFF, signature, 0xFFFFFFFF)],
            [TxOutput(50 * COIN + fees, script_of(miner)), TxOutput(0, b"\x6a\x01\x21")],
        )
        every = [coinbase, *transactions]
        header = BlockHeader(
            version=0x20000000,
            prev_hash=self.chain[-1].hash if self.chain else bytes(32),
            merkle_root=merkle_root([each.txid for each in every]),
            time=START_TIME + 600 * height,
            bits=0x207FFFFF,
            nonce=0,
        )
        block = Block(header, every)
        self.chain.append(block)
        self._blocks[block.hash] = block
        for each in transactions:
            self.pool.pop(each.txid, None)
            self._drop_conflicts(each)
        return block

    def disconnect(self, count: int = 1) -> list[Block]:
        """Take blocks off the tip, newest first; their transactions wait again."""
        gone = [self.chain.pop() for _ in range(count)]
        for block in reversed(gone):
            for each in block.transactions[1:]:
                self.accept(each)
        return gone

    def accept(self, transaction: Transaction, *, time: int = START_TIME) -> Transaction:
        """Into the mempool; what spends the same is thrown out, with all that follows from it."""
        self._drop_conflicts(transaction)
        self.pool[transaction.txid] = MempoolEntry(
            transaction.serialize(), time, self._fee(transaction)
        )
        return transaction

    def evict(self, txid: bytes) -> None:
        """Out of the mempool, with its descendants."""
        for each in [*self._waiting()]:
            if any(spent.prev_txid == txid for spent in each.inputs):
                self.evict(each.txid)
        self.pool.pop(txid, None)

    def _waiting(self) -> list[Transaction]:
        return [parse_transaction(entry.raw, self.network) for entry in self.pool.values()]

    def _drop_conflicts(self, transaction: Transaction) -> None:
        spent = {each[:2] for each in transaction.inputs}
        for each in self._waiting():
            if each.txid != transaction.txid and spent & {one[:2] for one in each.inputs}:
                self.evict(each.txid)

    def _fee(self, transaction: Transaction) -> int:
        made = {each.txid: each for each in self._waiting()}
        made |= {each.txid: each for block in self.chain for each in block.transactions}
        spent = sum(
            made[each.prev_txid].outputs[each.prev_vout].value for each in transaction.inputs
        )
        return spent - sum(each.value for each in transaction.outputs)

    def info(self) -> NodeInfo:
        height = len(self.chain) - 1
        return NodeInfo(
            version="scripted",
            network=self.network.name,
            height=height,
            headers=height,
            initial_download=False,
            progress=1.0,
            pruned_height=None,
            size_on_disk=None,
            relay_fee=1000,
            interfaces=("memory",),
        )

    def tip(self) -> BlockRef:
        return BlockRef(len(self.chain) - 1, self.chain[-1].hash)

    def block_hash(self, height: int) -> bytes:
        if not 0 <= height < len(self.chain):
            raise BlockUnavailableError(f"There is no block at height {height}")
        return self.chain[height].hash

    def block(self, block_hash: bytes) -> bytes:
        if block_hash not in self._blocks:
            raise BlockUnavailableError("The block is unknown")
        return self._blocks[block_hash].serialize()

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        return None

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        for each in self._blocks[block_hash].transactions:
            if each.txid == txid:
                return each.serialize()
        raise BlockUnavailableError("The block does not hold the transaction")

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        added = {txid: entry for txid, entry in self.pool.items() if txid not in known}
        return MempoolChange(added, known - self.pool.keys())

    def fee_estimates(self) -> dict[int, int]:
        return {}

    def submit(self, raw: bytes) -> bytes:
        return self.accept(parse_transaction(raw, self.network)).txid

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        raise TransactionRejectedError("A scripted node judges nothing")

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        raise TransactionRejectedError("A scripted node judges nothing")

    def wait(self, timeout: float) -> None:
        """Nothing happens but by the test."""

    def close(self) -> None:
        """There is nothing to close."""
