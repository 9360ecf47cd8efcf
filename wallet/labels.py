"""Labels as wallets exchange them (BIP329): JSON lines."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.network import Network
from wallet.extended_keys import ExtendedKeyError, parse_extended_key

MAX_FILE_SIZE = 16_000_000  # bytes
MAX_RECORDS = 100_000
MAX_LABEL = 255  # characters, as the BIP suggests; longer ones are cut
_MAX_LINE = 16_000
_MAX_ORIGIN = 1_000
_MOST_PROBLEMS = 50
_MOST_OUTPUTS = 2**31 - 1  # of a transaction: none fits into a block that has as many

_TXID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OUTPOINT = re.compile(r"[0-9a-f]{64}:(0|[1-9][0-9]{0,9})", re.ASCII)
_PUBKEY = re.compile(r"(?:[0-9a-f]{64}|0[23][0-9a-f]{64}|04[0-9a-f]{128})", re.ASCII)


class LabelType(StrEnum):
    TX = "tx"
    ADDR = "addr"
    PUBKEY = "pubkey"
    INPUT = "input"
    OUTPUT = "output"
    XPUB = "xpub"


class LabelsError(ValueError):
    """This file cannot be read at all. Single lines that cannot are only counted."""


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """What `ref` is called. None: nothing is said about it, so nothing is to be changed."""

    type: LabelType
    ref: str
    label: str | None
    origin: str | None = None
    spendable: bool | None = None


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """A line that was left out, or whose label was cut."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file holds; of its problems the first few, and how many there were."""

    records: tuple[LabelRecord, ...]
    problems: tuple[LabelProblem, ...]
    problem_count: int


class _LineError(ValueError):
    pass


def write_labels(records: Iterable[LabelRecord]) -> Iterator[str]:
    """One line for each, with its line end."""
    for record in records:
        fields: dict[str, object] = {"type": record.type.value, "ref": record.ref}
        for name in ("label", "origin", "spendable"):
            value = getattr(record, name)
            if value is not None:
                fields[name] = value
        yield json.dumps(fields, ensure_ascii=False) + "\n"


def read_labels(data: bytes, network: Network) -> LabelFile:
    """The records of a file of this network; LabelsError if it is too large or not text."""
    if len(data) > MAX_FILE_SIZE:
        raise LabelsError(f"a label file may have {MAX_FILE_SIZE:,} bytes, this has {len(data):,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeError:
        raise LabelsError("a label file is UTF-8 text, this is not") from None
    records: list[LabelRecord] = []
    problems: list[LabelProblem] = []
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(records) + count >= MAX_RECORDS:
            raise LabelsError(f"a label file may have {MAX_RECORDS:,} lines, this has more")
        try:
            record, cut = _read_line(line, network)
        except _LineError as error:
            message = str(error)
        else:
            records.append(record)
            if not cut:
                continue
            message = f"the label was cut to {MAX_LABEL} characters"
        count += 1
        if len(problems) < _MOST_PROBLEMS:
            problems.append(LabelProblem(number, message))
    return LabelFile(tuple(records), tuple(problems), count)


def _read_line(line: str, network: Network) -> tuple[LabelRecord, bool]:
    if len(line) > _MAX_LINE:
        raise _LineError(f"{len(line)} characters are too many for a line")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise _LineError("this line is not JSON") from None
    if not isinstance(fields, dict):
        raise _LineError("a line holds a JSON object with type, ref and label")
    kind = fields.get("type")
    if kind not in list(LabelType):
        raise _LineError("type is none of " + ", ".join(LabelType))
    kind = LabelType(kind)
    label = _text(fields, "label")
    spendable = fields.get("spendable")
    if spendable is not None and not isinstance(spendable, bool):
        raise _LineError("spendable is either true or false")
    if spendable is not None and kind is not LabelType.OUTPUT:
        raise _LineError("only an output is spendable or not")
    origin = _text(fields, "origin")
    if origin and len(origin) > _MAX_ORIGIN:
        raise _LineError("the origin is too long")
    ref = _reference(kind, _text(fields, "ref") or "", network)
    cut = None if label is None else label[:MAX_LABEL]
    return LabelRecord(kind, ref, cut, origin, spendable), cut != label


def _text(fields: dict[str, Any], name: str) -> str | None:
    """A text that every database can keep."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _LineError(f"{name} is not a text")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _LineError(f"{name} holds a character that is none")
    return value


def _reference(kind: LabelType, ref: str, network: Network) -> str:
    match kind:
        case LabelType.ADDR:
            return _address(ref, network)
        case LabelType.XPUB:
            try:
                parse_extended_key(ref, network)
            except ExtendedKeyError as error:
                raise _LineError(str(error)) from None
            return ref.strip()
    patterns = {LabelType.TX: _TXID, LabelType.PUBKEY: _PUBKEY}
    lower = ref.lower()
    is_one = patterns.get(kind, _OUTPOINT).fullmatch(lower)
    if not is_one or int(lower.partition(":")[2] or 0) > _MOST_OUTPUTS:
        raise _LineError(f"ref is not what a label of type {kind.value} refers to")
    return lower


def _address(ref: str, network: Network) -> str:
    try:
        script = script_of(ref, network)
    except AddressError as error:
        raise _LineError(str(error)) from None
    return address_of(script, network) or ref
