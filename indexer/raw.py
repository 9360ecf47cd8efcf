"""Raw blocks and transactions for pages: from SQL where they are kept, else from the node."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

from sqlalchemy import Connection, Integer, case, cast, func, select

from indexer.chain.encoding import (
    Block,
    EncodingError,
    Transaction,
    encode_varint,
    parse_block,
    parse_transaction,
)
from indexer.chain.network import Network
from indexer.node.base import Node, NodeError
from indexer.schema import block, has_txid, raw_block, tx

HEADER_SIZE = 80
COUNT_SIZES = ((0xFD, 1), (0x10000, 3))  # of a varint below each limit; 5 above
REMEMBERED_BLOCKS = 16
PARSED_BLOCKS = 2  # kept whole for who reads one page by page


class RawUnavailableError(Exception):
    """Neither SQL nor the node has these bytes now. The message is shown to people."""


class RawSource:
    """Reads raw data; `node` is None where the web process has no connection to one."""

    def __init__(self, network: Network, node: Node | None = None) -> None:
        self.network = network
        self.node = node
        self._positions: OrderedDict[bytes, dict[bytes, int]] = OrderedDict()
        self._parsed: OrderedDict[bytes, Block] = OrderedDict()
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

    def confirmed(self, connection: Connection, places: Mapping[bytes, bytes]) -> list[Transaction]:
        """Transactions of the best chain, given txid -> block hash, in that order.

        Kept blocks are asked once for all. Raises RawUnavailableError.
        """
        kept = self._cut_all(connection, places)
        return [
            kept.get(txid)
            or parse_transaction(self.transaction(connection, txid, block_hash), self.network)
            for txid, block_hash in places.items()
        ]

    def transactions(
        self, connection: Connection, block_hash: bytes, first: int, count: int
    ) -> Sequence[Transaction]:
        """`count` transactions of a block from position `first` on. Raises RawUnavailableError."""
        cut = self._cut(connection, block_hash, first, count)
        if cut is not None:
            return cut
        return self._parse(connection, block_hash).transactions[first : first + count]

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

    def _parse(self, connection: Connection, block_hash: bytes) -> Block:
        with self._lock:
            known = self._parsed.get(block_hash)
            if known is not None:
                self._parsed.move_to_end(block_hash)
                return known
        parsed = parse_block(self.block(connection, block_hash), self.network)
        with self._lock:
            self._parsed[block_hash] = parsed
            while len(self._parsed) > PARSED_BLOCKS:
                self._parsed.popitem(last=False)
        return parsed

    def _cut(
        self, connection: Connection, block_hash: bytes, first: int, count: int
    ) -> list[Transaction] | None:
        """Several transactions in a row, cut out of a kept block of the best chain."""
        if self.network.auxpow:
            return None  # the header's length is not known without parsing it
        row = connection.execute(
            select(block.c.first_tx_id, block.c.next_tx_id, block.c.tx_count).where(
                block.c.hash == block_hash
            )
        ).first()
        if row is None:
            return None
        wanted = connection.execute(
            select(tx.c.tx_id, tx.c.txid, tx.c.size)
            .where(tx.c.tx_id >= row.first_tx_id, tx.c.tx_id < row.next_tx_id)
            .where(tx.c.position >= first)
            .order_by(tx.c.tx_id)
            .limit(count)
        ).all()
        raw = self._bytes_of(
            connection,
            block_hash,
            row.first_tx_id,
            row.tx_count,
            wanted[0].tx_id if wanted else row.next_tx_id,
            sum(each.size for each in wanted),
        )
        if raw is None:
            return None
        found = []
        position = 0
        for each in wanted:
            try:
                transaction = parse_transaction(raw[position : position + each.size], self.network)
            except EncodingError:
                return None
            if transaction.txid != bytes(each.txid):
                return None
            found.append(transaction)
            position += each.size
        return found

    def _cut_all(
        self, connection: Connection, places: Mapping[bytes, bytes]
    ) -> dict[bytes, Transaction]:
        """Those whose blocks are kept, each cut out where the sizes before it say."""
        if self.network.auxpow:
            return {}  # the header's length is not known without parsing it
        earlier = tx.alias("earlier")
        before = (
            select(func.coalesce(func.sum(earlier.c.size), 0))
            .where(earlier.c.tx_id >= block.c.first_tx_id, earlier.c.tx_id < tx.c.tx_id)
            .scalar_subquery()
        )
        count_size = case(
            *((block.c.tx_count < limit, size) for limit, size in COUNT_SIZES), else_=5
        )
        start = cast(1 + HEADER_SIZE + count_size + before, Integer)  # PostgreSQL sums to bigint
        rows = connection.execute(
            select(tx.c.txid, func.substr(raw_block.c.raw, start, tx.c.size).label("raw"))
            .join(block, block.c.height == tx.c.height)
            .join(raw_block, raw_block.c.hash == block.c.hash)
            .where(has_txid(places.keys()))
        )
        found = {}
        for txid, raw in rows:
            try:
                transaction = parse_transaction(bytes(raw), self.network)
            except EncodingError:
                continue
            if transaction.txid == bytes(txid):
                found[transaction.txid] = transaction
        return found

    def _bytes_of(
        self,
        connection: Connection,
        block_hash: bytes,
        first_tx_id: int,
        tx_count: int,
        tx_id: int,
        size: int,
    ) -> bytes | None:
        """Some bytes of a kept block, from the start of a transaction on."""
        before = connection.scalar(
            select(func.coalesce(func.sum(tx.c.size), 0)).where(
                tx.c.tx_id >= first_tx_id, tx.c.tx_id < tx_id
            )
        )
        start = HEADER_SIZE + len(encode_varint(tx_count)) + int(before or 0)
        raw = connection.scalar(
            select(func.substr(raw_block.c.raw, start + 1, size)).where(
                raw_block.c.hash == block_hash
            )
        )
        return None if raw is None else bytes(raw)

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
            .where(has_txid([txid]))
            .where(block.c.hash == block_hash)
        ).first()
        if row is None:
            return None
        raw = self._bytes_of(
            connection, block_hash, row.first_tx_id, row.tx_count, row.tx_id, row.size
        )
        if raw is None:
            return None
        try:
            found = parse_transaction(raw, self.network)
        except EncodingError:
            return None
        return raw if found.txid == txid else None
