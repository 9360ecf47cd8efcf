"""From a block's bytes straight to its draft, in one pass that makes no objects of the chain.

Loading scans; following parses and drafts (rows.py): two ways to the same rows, this one in half
of the time. It is as strict as the parser.
"""

from struct import Struct, error
from typing import Final

from indexer.chain.encoding import (
    EncodingError,
    check_extension,
    hash256,
    known_flags,
    read_count,
    read_frame,
    read_mweb,
)
from indexer.chain.network import Network
from indexer.chain.transaction import (
    COINBASE_VOUT,
    MIN_INPUT_SIZE,
    MWEB_FLAG,
    NULL_HASH,
    WITNESS_FLAG,
)
from indexer.chain.wire import long_varint
from indexer.keys import script_key
from indexer.sync.rows import (
    COINBASE,
    FIRST_FINAL_SEQUENCE,
    HOGEX,
    MWEB,
    REPLACEABLE,
    SEGWIT,
    BlockDraft,
    Outpoint,
    OutputRow,
    Position,
    check_block,
)

_MIN_OUTPUT: Final = 9  # bytes
_COINBASE_OUTPOINT: Final = (NULL_HASH, COINBASE_VOUT)

_read_outpoint = Struct("<32sI").unpack_from
_read_uint32 = Struct("<I").unpack_from
_read_value_and_length = Struct("<qB").unpack_from


def scan_block(raw: bytes, network: Network, position: Position) -> BlockDraft:
    """What draft_block makes of the parsed block. Raises EncodingError, InvalidBlockError."""
    try:
        draft = _scan(raw, network, position)
    except (IndexError, error):
        raise EncodingError("the block ends too early") from None
    rows = draft.transactions
    check_block(
        draft.header,
        [row[1] for row in rows],
        position,
        starts_with_coinbase=bool(rows) and bool(rows[0][9] & COINBASE),
    )
    return draft


def _scan(raw: bytes, network: Network, position: Position) -> BlockDraft:
    header, count, at = read_frame(raw, network)
    draft = BlockDraft(position, raw, header, header.hash, 0, b"", [], [], [])
    draft.coinbase_script = _first_script(raw, at, known_flags(network))
    allowed, size, flag = known_flags(network), len(raw), 0
    outputs, spent, append = draft.outputs, draft.spent, draft.transactions.append
    height, tx_id = position.height, position.tx_id
    weights = sizes = 0
    for number in range(count):
        start, body, flag = at, at + 4, 0
        if allowed and raw[body] == 0 and raw[body + 1] != 0:
            flag = raw[body + 1]
            body += 2
            if flag & ~allowed:
                raise EncodingError(f"a transaction has the unknown flag {flag}")
        input_count, flags, at = _scan_inputs(raw, body, spent)
        output_count, total, body_end = _scan_outputs(raw, at, tx_id, outputs)
        at = body_end
        mweb_size = 0
        if flag & WITNESS_FLAG:
            at = _skip_witnesses(raw, at, input_count)
            flags |= SEGWIT
        if flag & MWEB_FLAG:
            mweb_size = len(read_mweb(raw, at, has_outputs=output_count > 0, alone=False))
            at += mweb_size
            flags |= MWEB | HOGEX  # inside a block no other has an MWEB part
        if input_count == 1 and spent[-1] == _COINBASE_OUTPOINT:
            del spent[-1]
            input_count = 0
            flags = flags & ~REPLACEABLE | COINBASE
        at += 4
        if at > size:
            raise EncodingError("the block ends too early")
        tx_size = at - start
        if flag:
            txid = hash256(raw[start : start + 4] + raw[body:body_end] + raw[at - 4 : at])
            stripped_size = body_end - body + 8
            canonical_size = tx_size - mweb_size if flag & WITNESS_FLAG else stripped_size
            weight = 3 * stripped_size + canonical_size
        else:
            txid = hash256(raw[start:at])
            weight = 4 * tx_size
        sizes += tx_size
        weights += weight
        append(
            (
                tx_id,
                txid,
                height,
                number,
                output_count,
                input_count,
                total,
                tx_size,
                weight,
                flags,
            )
        )
        tx_id += max(output_count, input_count, 1)  # as id_after
    check_extension(raw[at:], after_hogex=count > 1 and bool(flag & MWEB_FLAG))
    draft.weight = weights + 4 * (at - sizes)  # as draft_block has it
    return draft


def _scan_inputs(raw: bytes, at: int, spent: list[Outpoint]) -> tuple[int, int, int]:
    """Appends what they spend; returns their number, REPLACEABLE or 0, and where they end."""
    count, at = read_count(raw, at, MIN_INPUT_SIZE)
    flags = 0
    for _ in range(count):
        spent.append(_read_outpoint(raw, at))
        length = raw[at + 36]
        at += 37
        if length >= 0xFD:
            length, at = long_varint(raw, at, length)
        at += length
        if _read_uint32(raw, at)[0] < FIRST_FINAL_SEQUENCE:
            flags = REPLACEABLE
        at += 4
    return count, flags, at


def _scan_outputs(
    raw: bytes, at: int, tx_id: int, outputs: list[OutputRow]
) -> tuple[int, int, int]:
    """Appends their rows; returns their number, the sum of their values and where they end."""
    count, at = read_count(raw, at, _MIN_OUTPUT)
    total = 0
    for output_id in range(tx_id, tx_id + count):
        value, length = _read_value_and_length(raw, at)
        at += 9
        if length >= 0xFD:
            length, at = long_varint(raw, at, length)
        end = at + length
        script = raw[at:end]  # short beyond the end, where the lock time will be missing
        outputs.append((output_id, value, script_key(script), script))
        total += value
        at = end
    return count, total, at


def _skip_witnesses(raw: bytes, at: int, input_count: int) -> int:
    """Where they end."""
    superfluous = True
    for _ in range(input_count):
        count = raw[at]
        if count >= 0xFD:
            count, at = read_count(raw, at, 1)
        else:
            at += 1
        if count:
            superfluous = False
        for _ in range(count):
            length = raw[at]
            at += 1
            if length >= 0xFD:
                length, at = long_varint(raw, at, length)
            at += length
    if superfluous:
        raise EncodingError("a transaction has the witness flag and no witness")
    return at


def _first_script(raw: bytes, at: int, allowed_flags: int) -> bytes:
    """The scriptSig of the first input: a coinbase's own words."""
    at += 4
    if allowed_flags and raw[at] == 0:
        at += 2
    _, at = read_count(raw, at, MIN_INPUT_SIZE)
    length, at = read_count(raw, at + 36, 1)
    return raw[at : at + length]
