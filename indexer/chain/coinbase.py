"""The text that miners leave in a coinbase."""

import re
from typing import Final

from indexer.chain.opcodes import OP_PUSHDATA1
from indexer.chain.script import CutPushError, operations

# Runs of printable ASCII and whole UTF-8 sequences; the shortest that people would call text.
_MIN_RUN: Final = 4
_RUN: Final = re.compile(
    rb"(?:[\x20-\x7e]"
    rb"|[\xc2-\xdf][\x80-\xbf]"
    rb"|\xe0[\xa0-\xbf][\x80-\xbf]"
    rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}"
    rb"|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2})+"
)


# Magic, root, size and nonce of the tree of merge-mined chains.
_MERGED_MINING: Final = re.compile(rb"\xfa\xbemm.{40}", re.DOTALL)


def text_runs(data: bytes) -> list[str]:
    """The readable runs of some bytes, as they are: not yet safe to show."""
    runs = (match.group().decode("utf-8") for match in _RUN.finditer(data))
    return [run for run in runs if len(run) >= _MIN_RUN]


def coinbase_text(script_sig: bytes) -> str:
    """The readable runs of a coinbase's script, one space between; "" for none."""
    data = _MERGED_MINING.sub(b"\0", _without_push_heads(script_sig))
    return " ".join(text_runs(data))


def _without_push_heads(script_sig: bytes) -> bytes:
    """Blanks the height and the lengths of pushes, which would read as stray letters."""
    data = bytearray(script_sig)
    position = 0
    try:
        for index, (opcode, pushed) in enumerate(operations(script_sig)):
            if pushed is None or opcode >= OP_PUSHDATA1:
                break
            blank = 1 + len(pushed) if index == 0 and len(pushed) <= 4 else 1
            data[position : position + blank] = bytes(blank)
            position += 1 + len(pushed)
    except CutPushError:  # plain bytes in place of a push: text from here on
        return bytes(data)
    return bytes(data)
