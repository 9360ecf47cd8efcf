"""The text that miners leave in a coinbase."""

import re
from typing import Final

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


def text_runs(data: bytes) -> list[str]:
    """The readable runs of some bytes, as they are: not yet safe to show."""
    runs = (match.group().decode("utf-8") for match in _RUN.finditer(data))
    return [run for run in runs if len(run) >= _MIN_RUN]


def coinbase_text(script_sig: bytes) -> str:
    """The readable runs of a coinbase's script, one space between; "" for none."""
    return " ".join(text_runs(script_sig))
