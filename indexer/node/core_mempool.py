"""What waits in a node's mempool: only what is new is fetched, in batches of bounded size."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from indexer.chain.encoding import EncodingError, hash_hex, parse_transaction
from indexer.chain.network import Network
from indexer.node.answers import Record, as_bytes, as_hash, as_list
from indexer.node.base import MempoolChange, MempoolEntry, NodeError
from indexer.node.core_info import taken
from indexer.node.rpc import JsonRpc, RpcError

NOT_FOUND: Final = -5
ENTRY_BATCH: Final = 500
RAW_BATCH_BYTES: Final = 4_000_000  # of raw transactions: twice that in hexadecimal
RAW_BATCH: Final = 500
# A full mempool comes in several steps, so that each is stored before the next.
MAX_ADDED: Final = 5_000


class CoreMempool:
    """Keeps between calls which transactions have nothing to show."""

    def __init__(self, rpc: JsonRpc, network: Network) -> None:
        self._rpc = rpc
        self._network = network
        self._confidential: set[bytes] = set()
        self.incomplete = False  # the last change held not all that is new

    def change(self, known: frozenset[bytes]) -> MempoolChange:
        """At most MAX_ADDED new ones, parents before children as the node lists them.

        Litecoin: a transaction wholly inside MWEB has no inputs and outputs to show and never
        appears in a block, so it is left out. The fee of one that pegs in is what its outputs
        leave of its inputs, as it will be in the block, where the HogEx pays the MWEB part.
        """
        listed = [
            as_hash("getrawmempool", text)
            for text in as_list("getrawmempool", self._rpc.call("getrawmempool"))
        ]
        present = frozenset(listed)
        self._confidential &= present
        new = [txid for txid in listed if txid not in known and txid not in self._confidential]
        self.incomplete = len(new) > MAX_ADDED
        entries = self._entries(new[:MAX_ADDED])
        added = {}
        for batch in _batches(entries):
            for txid, entry, raw in self._with_raw(batch):
                if self._is_public(txid, raw):
                    added[txid] = MempoolEntry(raw, entry.integer("time"), self._fee(entry))
        return MempoolChange(added, known - present)

    def _entries(self, txids: Sequence[bytes]) -> list[tuple[bytes, Record]]:
        entries = []
        for start in range(0, len(txids), ENTRY_BATCH):
            part = txids[start : start + ENTRY_BATCH]
            answers = self._rpc.batch([("getmempoolentry", (hash_hex(txid),)) for txid in part])
            entries += [
                (txid, Record("getmempoolentry", answer))
                for txid, answer in zip(part, answers, strict=True)
                if not _vanished(answer)
            ]
        return entries

    def _with_raw(
        self, batch: Sequence[tuple[bytes, Record]]
    ) -> Iterator[tuple[bytes, Record, bytes]]:
        answers = self._rpc.batch([("getrawtransaction", (hash_hex(txid),)) for txid, _ in batch])
        for (txid, entry), answer in zip(batch, answers, strict=True):
            if not _vanished(answer):
                yield txid, entry, as_bytes("getrawtransaction", answer)

    def _is_public(self, txid: bytes, raw: bytes) -> bool:
        """False: wholly inside MWEB. NodeError unless it is the transaction asked for."""
        try:
            transaction = parse_transaction(raw, self._network)
        except EncodingError as error:
            raise NodeError(
                f"The node sent transaction {hash_hex(txid)} damaged: {error}."
            ) from None
        if self._network.mweb and not transaction.inputs:
            self._confidential.add(txid)
            return False
        if transaction.txid != txid:
            raise NodeError(
                f"The node sent transaction {hash_hex(transaction.txid)} when asked for "
                f"{hash_hex(txid)}."
            )
        return True

    def _fee(self, entry: Record) -> int:
        decimals = self._network.decimals
        # Dogecoin Core 1.14 has "fee" only, newer nodes have "fees" only.
        fee = (
            entry.record("fees").amount("base", decimals)
            if entry.has("fees")
            else entry.amount("fee", decimals)
        )
        if entry.has("mweb"):
            fee -= entry.record("mweb").amount("fee", decimals)
        return fee


def _batches(
    entries: Sequence[tuple[bytes, Record]],
) -> Iterator[list[tuple[bytes, Record]]]:
    """Divided so that the raw transactions of each stay within bounds."""
    batch: list[tuple[bytes, Record]] = []
    size = 0
    for txid, entry in entries:
        # A byte weighs at least one unit; without segwit the size itself is told.
        least = entry.integer("weight") if entry.has("weight") else entry.integer("size")
        if batch and (len(batch) == RAW_BATCH or size + least > RAW_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((txid, entry))
        size += least
    if batch:
        yield batch


def _vanished(answer: Any) -> bool:
    """Mined or dropped since it was listed."""
    if isinstance(answer, RpcError) and answer.code == NOT_FOUND:
        return True
    taken(answer)
    return False
