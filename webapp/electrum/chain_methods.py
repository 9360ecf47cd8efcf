"""Methods about blocks and their headers."""

from typing import Any

from indexer.chain.wire import hash_hex
from indexer.queries.headers import headers_from
from webapp.electrum.call import Call
from webapp.electrum.limits import MAX_HEADERS
from webapp.electrum.parameters import refuse, whole_number

LIST_OF_HEADERS = (1, 6)  # from this version on: before, one long string


def block_header(call: Call, height: Any, cp_height: Any = 0) -> Any:
    """A header, with a proof where a checkpoint is given."""
    height = whole_number(height, "height")
    checkpoint = whole_number(cp_height, "cp_height")
    found = headers_from(call.connection, height, 1)
    if not found:
        refuse(f"height: there is no block {height}")
    if not checkpoint:
        return found[0].hex()
    return {"header": found[0].hex(), **_proof(call, height, checkpoint)}


def block_headers(call: Call, start_height: Any, count: Any, cp_height: Any = 0) -> Any:
    """Consecutive headers, with a proof of the last where a checkpoint is given."""
    start = whole_number(start_height, "start_height")
    wanted = whole_number(count, "count")
    checkpoint = whole_number(cp_height, "cp_height")
    found = headers_from(call.connection, start, min(wanted, MAX_HEADERS))
    answer: dict[str, Any] = {"count": len(found), "max": MAX_HEADERS}
    if call.version >= LIST_OF_HEADERS:
        answer["headers"] = [header.hex() for header in found]
    else:
        answer["hex"] = b"".join(found).hex()
    if found and checkpoint:
        answer |= _proof(call, start + len(found) - 1, checkpoint)
    return answer


def _proof(call: Call, height: int, checkpoint: int) -> dict[str, Any]:
    tip = call.pulse().tip_height
    if not height <= checkpoint <= tip:
        refuse(f"cp_height: expected a height from {height} to {tip}, found {checkpoint}")
    proof = call.sources.headers.prove(call.connection, height, checkpoint)
    return {"branch": [hash_hex(each) for each in proof.branch], "root": hash_hex(proof.root)}
