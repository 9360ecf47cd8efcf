"""Core's REST interface in binary: the fast path, open where the node runs with rest=1."""

from dataclasses import dataclass
from typing import Final

from indexer.chain.encoding import EncodingError, Reader, hash_hex
from indexer.node.base import NodeError, NodeUnavailableError, SpentOutput
from indexer.node.http import NodeHttp

HASH_SIZE: Final = 32
_MIN_LIST, _MIN_OUTPUT = 1, 9  # bytes that an element takes at least


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Which of the endpoints we use this node has."""

    blocks: bool
    hash_by_height: bool  # not on Dogecoin Core 1.14
    spent_outputs: bool  # Bitcoin Core 30+


class Rest:
    def __init__(self, http: NodeHttp) -> None:
        self._http = http

    def endpoints(self, genesis_hash: bytes) -> Endpoints:
        """Ask the node which endpoints it has. The genesis block's hash is known to be there."""
        if not self._has("/rest/chaininfo.json"):
            return Endpoints(blocks=False, hash_by_height=False, spent_outputs=False)
        return Endpoints(
            blocks=True,
            hash_by_height=self._has("/rest/blockhashbyheight/0.bin"),
            # The genesis block spends nothing and needs no undo data: also pruned nodes answer.
            spent_outputs=self._has(f"/rest/spenttxouts/{hash_hex(genesis_hash)}.bin"),
        )

    def block(self, block_hash: bytes) -> bytes | None:
        """None: not there, for a reason that JSON-RPC tells."""
        return self._get(f"/rest/block/{hash_hex(block_hash)}.bin")

    def block_hash(self, height: int) -> bytes | None:
        """None: no block at this height."""
        answer = self._get(f"/rest/blockhashbyheight/{height}.bin")
        if answer is not None and len(answer) != HASH_SIZE:
            raise NodeError(
                f"The node sent {len(answer)} bytes for the hash at height {height}, not 32."
            )
        return answer

    def spent_outputs(self, block_hash: bytes) -> list[list[SpentOutput]] | None:
        """For each transaction but the coinbase; None: the node has no undo data for the block."""
        answer = self._get(f"/rest/spenttxouts/{hash_hex(block_hash)}.bin")
        if answer is None:
            return None
        try:
            return parse_spent_outputs(answer)
        except EncodingError as error:
            raise NodeError(
                f"The node's list of outputs that block {hash_hex(block_hash)} spends is "
                f"damaged: {error}."
            ) from None

    def _has(self, path: str) -> bool:
        return self._get(path) is not None

    def _get(self, path: str) -> bytes | None:
        answer = self._http.get(path)
        if answer.status == 200:
            return answer.body
        if answer.status == 503:
            raise NodeUnavailableError(f"The node is starting or too busy: {_reason(answer.body)}")
        return None


def parse_spent_outputs(raw: bytes) -> list[list[SpentOutput]]:
    """The body of /rest/spenttxouts: a list per transaction, an empty one for the coinbase."""
    reader = Reader(raw)
    lists = []
    for _ in range(reader.count(_MIN_LIST, "transactions")):
        outputs = []
        for _ in range(reader.count(_MIN_OUTPUT, "spent outputs")):
            value = reader.sint(8, "value")
            outputs.append(SpentOutput(value, reader.var_bytes("script")))
        lists.append(outputs)
    reader.end("spent outputs")
    if not lists or lists[0]:
        raise EncodingError("the coinbase should come first and spend nothing")
    return lists[1:]


def _reason(body: bytes) -> str:
    return body[:200].decode("ascii", "replace").strip()
