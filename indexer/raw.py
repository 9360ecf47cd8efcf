"""Raw blocks and transactions for pages: from SQL where they are kept, else from the node."""

from collections import OrderedDict
from threading import Lock

from sqlalchemy import Connection, func, select

from indexer.chain.encoding import EncodingError, encode_varint, parse_block, parse_transaction
from indexer.chain.network import Network
from indexer.keys import txid_key
from indexer.node.base import Node, NodeError
from indexer.schema import block, raw_block, tx

HEADER_SIZE = 80
REMEMBERED_BLOCKS = 16


class RawUnavailableError(Exception):
    """Neither SQL nor the node has these bytes now. The message is shown to people."""


class RawSource:
    """Reads raw data; `node` is None where the web process has no connection to one."""

    def __init__(self, network: Network, node: Node | None = None) -> None:
        self.network = network
        self.node = node
        self._positions: OrderedDict[bytes, dict[bytes, int]] = OrderedDict()
        self._lock = Lock()

    def block(self, connection: Connection, block_hash: bytes) -> bytes:
        """The whole block as on the wire. Raises RawUnavailableError."""
        raw = connection.scalar(select(raw_block.c.raw).where(raw_block.c.hash == block_hash))
        if raw is not None:
            return bytes(raw)
        if self.node is None:
            raise RawUnavailableError("No node is connected to read this block from.")
        try:
            return self.node.block(block_hash)
        except NodeError as error:
            raise RawUnavailableError(str(error)) from error

    def transaction(self, connection: Connection, txid: bytes, block_hash: bytes) -> bytes:
        """A transaction of a block, of the best chain or stale. Raises RawUnavailableError."""
        raw = self._slice(connection, txid, block_hash)
        if raw is not None:
            return raw
        if self.node is not None and not self._kept(connection, block_hash):
            try:
                return self.node.transaction(txid, block_hash)
            except NodeError as error:
                raise RawUnavailableError(str(error)) from error
        for transaction in parse_block(
            self.block(connection, block_hash), self.network
        ).transactions:
            if transaction.txid == txid:
                return transaction.serialize()
        raise RawUnavailableError("The block does not hold this transaction.")

    def positions(self, connection: Connection, block_hash: bytes) -> dict[bytes, int]:
        """txid -> position in a block that SQL does not index, as stale ones; remembered."""
        with self._lock:
            known = self._positions.get(block_hash)
            if known is not None:
                self._positions.move_to_end(block_hash)
                return known
        parsed = parse_block(self.block(connection, block_hash), self.network)
        known = {each.txid: position for position, each in enumerate(parsed.transactions)}
        with self._lock:
            self._positions[block_hash] = known
            while len(self._positions) > REMEMBERED_BLOCKS:
                self._positions.popitem(last=False)
        return known

    def _kept(self, connection: Connection, block_hash: bytes) -> bool:
        found = connection.scalar(select(raw_block.c.height).where(raw_block.c.hash == block_hash))
        return found is not None

    def _slice(self, connection: Connection, txid: bytes, block_hash: bytes) -> bytes | None:
        """The transaction cut out of a kept block without reading the whole of it.

        Its place follows from the sizes of those before it. The txid proves the cut right.
        """
        if self.network.auxpow:
            return None  # the header's length is not known without parsing it
        row = connection.execute(
            select(block.c.first_tx_id, block.c.tx_count, tx.c.tx_id, tx.c.size)
            .join(tx, tx.c.height == block.c.height)
            .where(tx.c.txid_key == txid_key(txid), tx.c.txid == txid)
            .where(block.c.hash == block_hash)
        ).first()
        if row is None:
            return None
        before = connection.scalar(
            select(func.coalesce(func.sum(tx.c.size), 0)).where(
                tx.c.tx_id >= row.first_tx_id, tx.c.tx_id < row.tx_id
            )
        )
        start = HEADER_SIZE + len(encode_varint(row.tx_count)) + int(before or 0)
        raw = connection.scalar(
            select(func.substr(raw_block.c.raw, start + 1, row.size)).where(
                raw_block.c.hash == block_hash
            )
        )
        if raw is None:
            return None
        try:
            found = parse_transaction(bytes(raw), self.network)
        except EncodingError:
            return None
        return bytes(raw) if found.txid == txid else None
