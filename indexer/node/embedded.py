"""The embedded node: Bitcoin Core's validation engine, our mempool and a miner, on regtest."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import time as now

from indexer.chain.encoding import Block, Transaction, parse_block, parse_transaction
from indexer.chain.wire import EncodingError, hash_hex
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    MempoolEntry,
    NodeInfo,
    NodeUnavailableError,
    PackageResult,
    SpentOutput,
    TransactionRejectedError,
    Verdict,
)
from indexer.node.engine import BlockRejectedError
from indexer.node.fee_estimates import estimate_fees
from indexer.node.mempool_graph import MIN_RELAY_FEE
from indexer.node.mining import build_block, select
from indexer.node.regtest_chain import REGTEST, RegtestChain
from indexer.node.regtest_mempool import RegtestMempool
from indexer.node.regtest_package import DEFAULT_MAX_FEE_RATE, judge_package, submit_package


class EmbeddedNode:
    """A regtest node in this process. Thread-safe; one process at a time has its directory open.

    Never fork a process that has one open. Times are seconds since 1970.
    """

    network = REGTEST

    def __init__(self, directory: Path) -> None:
        """Open the chain of a directory, or begin one; NodeUnavailableError if it is in use."""
        self._directory = directory
        self._moved = threading.Condition(threading.RLock())
        self._generation = 0  # +1 whenever the tip or the mempool moves
        self._seen = threading.local()  # the generation each waiting thread knows
        self._closed: str | None = None  # why, in words
        self._chain = RegtestChain(directory)
        self._mempool = RegtestMempool(self._chain)

    def close(self) -> None:
        """Write everything out and wake who waits. What is called later is NodeUnavailableError."""
        self._close("The embedded node is closed.")

    def _close(self, reason: str) -> None:
        with self._moved:
            if self._closed is None:
                self._closed = reason
                self._chain.close()
                self._announce()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._moved:
            if self._closed is not None:
                raise NodeUnavailableError(self._closed)
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing. What memory and engine hold goes with the process if nothing can be."""
        try:
            with self._chain.store.transaction():
                yield
        except NodeUnavailableError as error:
            self._close(f"{error} It stopped; start it again when that is mended.")
            raise

    def info(self) -> NodeInfo:
        with self._open():
            height = self._chain.tip.height
        return NodeInfo(
            version=f"libbitcoinkernel (py-bitcoinkernel {version('py-bitcoinkernel')})",
            network=REGTEST.name,
            height=height,
            headers=height,
            initial_download=False,
            progress=1.0,
            pruned_height=None,
            size_on_disk=_size_of(self._directory),
            relay_fee=MIN_RELAY_FEE,
            interfaces=("embedded",),
        )

    def tip(self) -> BlockRef:
        with self._open():
            return self._chain.tip

    def block_hash(self, height: int) -> bytes:
        with self._open():
            return self._chain.hash_at(height)

    def block(self, block_hash: bytes) -> bytes:
        with self._open():
            return self._chain.raw_block(block_hash)

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        with self._open():
            return self._chain.spent_outputs(block_hash)

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        for transaction in parse_block(self.block(block_hash), REGTEST).transactions:
            if transaction.txid == txid:
                return transaction.serialize()
        raise BlockUnavailableError(
            f"Block {hash_hex(block_hash)} has no transaction {hash_hex(txid)}."
        )

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        with self._open():
            entries = self._mempool.entries
            added = {
                txid: MempoolEntry(entry.transaction.serialize(), entry.time, entry.fee)
                for txid, entry in entries.items()
                if txid not in known
            }
            return MempoolChange(added, known - entries.keys())

    def fee_estimates(self) -> dict[int, int]:
        with self._open():
            return estimate_fees(self._mempool.entries.values())

    def wait(self, timeout: float) -> None:
        with self._open():
            seen = getattr(self._seen, "generation", -1)
            self._moved.wait_for(
                lambda: self._closed is not None or self._generation != seen, timeout
            )
            self._seen.generation = self._generation

    def submit(self, raw: bytes) -> bytes:
        transaction = _parse(raw)
        with self._open():
            present = self._mempool.entries.get(transaction.txid)
            if present is None:
                with self._writing():
                    self._mempool.accept(transaction, int(now()))
                self._announce()
            elif present.transaction.wtxid != transaction.wtxid:
                raise TransactionRejectedError("txn-same-nonwitness-data-in-mempool")
        return transaction.txid

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        transactions = [_parse(raw) for raw in raws]
        limit = DEFAULT_MAX_FEE_RATE if max_fee_rate is None else max_fee_rate
        with self._open(), self._writing():
            return judge_package(self._mempool, transactions, int(now()), limit)

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        transactions = [_parse(raw) for raw in raws]
        limit = DEFAULT_MAX_FEE_RATE if max_fee_rate is None else max_fee_rate
        with self._open():
            with self._writing():
                result = submit_package(
                    self._mempool, transactions, int(now()), limit, max_burn or 0
                )
            self._announce()
            return result

    def submit_block(self, raw: bytes) -> None:
        """Take a block from outside, on the best chain or beside it; BlockRejectedError."""
        try:
            block = parse_block(raw, REGTEST)
        except EncodingError as error:
            raise BlockRejectedError(f"block-decode-failed, {error}") from error
        with self._open():
            self._connect(block)

    def mine(
        self,
        script: bytes,
        *,
        text: bytes = b"",
        time: int | None = None,
        transactions: Sequence[bytes] | None = None,
    ) -> BlockRef:
        """Mine a block on the tip that pays `script`, and return it.

        `text` stands in its coinbase. `time` is for its header: now if None, and later where
        the median time past asks for it. `transactions`: exactly these, in this order, whether
        they wait or not; the best of the mempool if None. BlockRejectedError if the engine finds
        the block invalid, ValueError if the text is too long or a transaction cannot be parsed.
        """
        with self._open():
            if transactions is None:
                entries = select(self._mempool.entries.values())
                chosen = [entry.transaction for entry in entries]
            else:
                chosen = [parse_transaction(raw, REGTEST) for raw in transactions]
            return self._mine_on(self._chain.tip, script, text, time, chosen)

    def reorganise(
        self,
        depth: int,
        script: bytes,
        *,
        text: bytes = b"",
        time: int | None = None,
        transactions: Sequence[bytes] = (),
    ) -> list[BlockRef]:
        """Replace the last `depth` blocks by one more, and return the new ones.

        The first holds `transactions`, the others none. What was disconnected goes back into the
        mempool where it is still valid. BlockRejectedError.
        """
        with self._open():
            height = self._chain.tip.height - depth
            if depth < 1 or height < 0:
                raise ValueError(
                    f"a depth from 1 to {self._chain.tip.height} expected, not {depth}"
                )
            chosen = [parse_transaction(raw, REGTEST) for raw in transactions]
            mined: list[BlockRef] = []
            previous = BlockRef(height, self._chain.hash_at(height))
            for _ in range(depth + 1):
                previous = self._mine_on(previous, script, text, time, chosen)
                mined.append(previous)
                chosen = []
            return mined

    def _mine_on(
        self,
        previous: BlockRef,
        script: bytes,
        text: bytes,
        time: int | None,
        transactions: Sequence[Transaction],
    ) -> BlockRef:
        height = previous.height + 1
        earliest = self._chain.median_time_past(previous.hash) + 1
        block = build_block(
            previous.hash,
            height,
            max(earliest, int(now()) if time is None else time),
            transactions,
            value=REGTEST.subsidy(height) + self._fees(transactions),
            script=script,
            text=text,
            extra_nonce=self._chain.store.block_count(),
        )
        self._connect(block)
        return BlockRef(height, block.hash)

    def _fees(self, transactions: Sequence[Transaction]) -> int:
        """Of transactions for one block; whether they may be in it is for the engine to say."""
        created = {each.txid: each.outputs for each in transactions}
        fees = 0
        for transaction in transactions:
            fees -= sum(output.value for output in transaction.outputs)
            for each in transaction.inputs:
                outputs = created.get(each.prev_txid)
                if outputs is not None and each.prev_vout < len(outputs):
                    fees += outputs[each.prev_vout].value
                else:
                    fees += self._chain.store.value_of(each.prev_txid, each.prev_vout) or 0
        return max(fees, 0)

    def _connect(self, block: Block) -> None:
        with self._writing():
            change = self._chain.submit(block)
            self._mempool.apply(change, int(now()))
        self._chain.flush_if_due()
        if change.connected or change.disconnected:
            self._announce()
        if change.refused:
            raise change.refused

    def _announce(self) -> None:
        self._generation += 1
        self._moved.notify_all()


def _parse(raw: bytes) -> Transaction:
    try:
        return parse_transaction(raw, REGTEST)
    except EncodingError as error:
        raise TransactionRejectedError(
            f"TX decode failed: {error}", code=TransactionRejectedError.NOT_A_TRANSACTION
        ) from error


def _size_of(directory: Path) -> int:
    """Bytes of all files; the engine replaces some of its own at any time."""
    size = 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size
