"""The bytes of a PSBT: maps of fields, read with bounds and written as they were read.

A field that nobody knows is kept byte for byte. Version 2 (BIP370) is read as the version 0 it
stands for.
"""

import binascii
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from struct import Struct
from typing import NamedTuple, TypeAlias

from indexer.chain.encoding import (
    EncodingError,
    Reader,
    Transaction,
    TxInput,
    TxOutput,
    encode_bytes,
    parse_transaction,
)
from indexer.chain.network import Network
from wallet.psbt_fields import (
    RULES,
    VERSION_2,
    GlobalField,
    InputField,
    OutputField,
    PsbtError,
    Scope,
    name_of,
)
from wallet.sentence import said

MAGIC = b"psbt\xff"
MAX_SIZE = 10_000_000  # bytes; a hundred inputs with previous transactions as large as may be
_FINAL_SEQUENCE = b"\xff" * 4
_uint32 = Struct("<I")
_int64 = Struct("<q")

Fields: TypeAlias = dict[bytes, bytes]


class RawPsbt(NamedTuple):
    """The unsigned transaction and the fields of version 0 about it, each key with its type."""

    tx: Transaction
    fields: Fields
    inputs: list[Fields]
    outputs: list[Fields]


def key_of(kind: int, data: bytes = b"") -> bytes:
    return bytes((kind,)) + data


def read_bytes(data: bytes | str) -> bytes:
    """The bytes of a PSBT given as such, as base64 or as hexadecimal digits."""
    if isinstance(data, str) or not data.startswith(MAGIC):
        data = _decoded(data)
    if len(data) > MAX_SIZE:
        raise PsbtError(
            "PSBT",
            said(
                "%(found)s bytes are more than the %(most)s that are read",
                found=len(data),
                most=MAX_SIZE,
            ),
        )
    if not data.startswith(MAGIC):
        raise PsbtError("PSBT", "it does not start as a PSBT does")
    return data


def _decoded(data: bytes | str) -> bytes:
    if len(data) > 2 * MAX_SIZE + 100:
        raise PsbtError(
            "PSBT", said("%(found)s characters are more than are read", found=len(data))
        )
    try:
        text = data if isinstance(data, str) else data.decode("ascii")
        text = "".join(text.split())
        if text[:10].lower() == MAGIC.hex():
            return bytes.fromhex(text)
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise PsbtError("PSBT", "neither the bytes of a PSBT nor base64") from None


def parse_raw(data: bytes, network: Network) -> RawPsbt:
    """From bytes that start with MAGIC. PsbtError says which field is not as it should be."""
    reader = Reader(data, len(MAGIC))
    try:
        fields = _read_map(reader, Scope.GLOBAL)
        version = _version(fields)
        _check(fields, version, Scope.GLOBAL)
        if version == 0:
            tx = _unsigned_transaction(fields, network)
            counts = len(tx.inputs), len(tx.outputs)
        else:
            counts = (
                _count(fields, GlobalField.INPUT_COUNT),
                _count(fields, GlobalField.OUTPUT_COUNT),
            )
        inputs = _read_maps(reader, Scope.INPUT, counts[0], version)
        outputs = _read_maps(reader, Scope.OUTPUT, counts[1], version)
        reader.end("PSBT")
    except EncodingError as problem:
        raise PsbtError("PSBT", str(problem)) from None
    if version == 0:
        return RawPsbt(tx, _without(fields, {GlobalField.UNSIGNED_TX}), inputs, outputs)
    return RawPsbt(
        _described_transaction(fields, inputs, outputs),
        _without(fields, VERSION_2[Scope.GLOBAL] | {GlobalField.VERSION}),
        [_without(each, VERSION_2[Scope.INPUT]) for each in inputs],
        [_without(each, VERSION_2[Scope.OUTPUT]) for each in outputs],
    )


def serialize_raw(raw: RawPsbt) -> bytes:
    """Version 0."""
    unsigned = {key_of(GlobalField.UNSIGNED_TX): raw.tx.serialize_stripped()}
    maps = ({**unsigned, **raw.fields}, *raw.inputs, *raw.outputs)
    return MAGIC + b"".join(map(_write_map, maps))


def _write_map(fields: Mapping[bytes, bytes]) -> bytes:
    pairs = (encode_bytes(key) + encode_bytes(value) for key, value in fields.items())
    return b"".join(pairs) + b"\0"


def _read_map(reader: Reader, scope: Scope, position: int | None = None) -> Fields:
    fields: Fields = {}
    while key := reader.var_bytes("key"):
        name = name_of(scope, key[0], position)
        if key in fields:
            raise PsbtError(name, "it is there twice")
        fields[key] = reader.var_bytes(name)
    return fields


def _read_maps(reader: Reader, scope: Scope, count: int, version: int) -> list[Fields]:
    maps = []
    for position in range(count):
        fields = _read_map(reader, scope, position)
        _check(fields, version, scope, position)
        maps.append(fields)
    return maps


def _version(fields: Fields) -> int:
    value = fields.get(key_of(GlobalField.VERSION), bytes(4))
    version = int.from_bytes(value, "little")
    if len(value) != 4 or version not in (0, 2):
        raise PsbtError(name_of(Scope.GLOBAL, GlobalField.VERSION), "versions 0 and 2 are read")
    return version


def _check(fields: Fields, version: int, scope: Scope, position: int | None = None) -> None:
    """Each field must be as its rule says, and must belong to the version."""
    rules = RULES[scope]
    for key, value in fields.items():
        kind = key[0]
        rule = rules.get(kind)
        if version == 0 and kind in VERSION_2[scope]:
            if len(key) == 1:
                field = name_of(scope, kind, position)
                raise PsbtError(field, "a PSBT of version 0 has no such field")
            rule = None  # with more to its key it is nobody's
        if rule is not None:
            try:
                rule.key(key[1:])
                rule.value(value)
            except EncodingError as problem:
                raise PsbtError(name_of(scope, kind, position), str(problem)) from None
    if version and scope is Scope.GLOBAL and key_of(GlobalField.UNSIGNED_TX) in fields:
        field = name_of(scope, GlobalField.UNSIGNED_TX)
        raise PsbtError(field, "a PSBT of version 2 has no such field")


def _number(fields: Fields, kind: int) -> int | None:
    value = fields.get(key_of(kind))
    return None if value is None else int.from_bytes(value, "little")


def _needed(fields: Fields, kind: int, scope: Scope, position: int | None = None) -> bytes:
    try:
        return fields[key_of(kind)]
    except KeyError:
        raise PsbtError(name_of(scope, kind, position), "it is missing") from None


def _unsigned_transaction(fields: Fields, network: Network) -> Transaction:
    raw = _needed(fields, GlobalField.UNSIGNED_TX, Scope.GLOBAL)
    field = name_of(Scope.GLOBAL, GlobalField.UNSIGNED_TX)
    try:
        # Never with a marker, so that a transaction without inputs can be told from one.
        tx = parse_transaction(raw, replace(network, segwit=False, mweb=False))
    except EncodingError as problem:
        raise PsbtError(field, str(problem)) from None
    if any(tx_input.script_sig for tx_input in tx.inputs):
        raise PsbtError(field, "it is signed")
    _check_transaction(tx)
    return tx


def _check_transaction(tx: Transaction) -> None:
    field = name_of(Scope.GLOBAL, GlobalField.UNSIGNED_TX)
    if len({(each.prev_txid, each.prev_vout) for each in tx.inputs}) < len(tx.inputs):
        raise PsbtError(field, "it spends the same coin twice")
    if any(output.value < 0 for output in tx.outputs):
        raise PsbtError(field, "an output has a negative amount")


def _count(fields: Fields, kind: int) -> int:
    """How many maps of a kind follow; each takes a byte, so that no number makes much work."""
    return Reader(_needed(fields, kind, Scope.GLOBAL)).varint()


def _described_transaction(
    fields: Fields, inputs: Sequence[Fields], outputs: Sequence[Fields]
) -> Transaction:
    """The unsigned transaction that the fields of version 2 describe."""
    version = int.from_bytes(_needed(fields, GlobalField.TX_VERSION, Scope.GLOBAL), "little")
    tx_inputs = [
        TxInput(
            _needed(each, InputField.PREVIOUS_TXID, Scope.INPUT, number),
            _uint32.unpack(_needed(each, InputField.OUTPUT_INDEX, Scope.INPUT, number))[0],
            b"",
            _uint32.unpack(each.get(key_of(InputField.SEQUENCE), _FINAL_SEQUENCE))[0],
        )
        for number, each in enumerate(inputs)
    ]
    tx_outputs = [
        TxOutput(
            _int64.unpack(_needed(each, OutputField.AMOUNT, Scope.OUTPUT, number))[0],
            _needed(each, OutputField.SCRIPT, Scope.OUTPUT, number),
        )
        for number, each in enumerate(outputs)
    ]
    tx = Transaction(version, tx_inputs, tx_outputs, _locktime(fields, inputs))
    _check_transaction(tx)
    return tx


def _locktime(fields: Fields, inputs: Sequence[Fields]) -> int:
    """BIP370: the highest that an input requires, of a kind that all of them can do with."""
    requiring = [
        required
        for each in inputs
        for required in [
            (
                _number(each, InputField.REQUIRED_HEIGHT_LOCKTIME),
                _number(each, InputField.REQUIRED_TIME_LOCKTIME),
            )
        ]
        if required != (None, None)
    ]
    if not requiring:
        return _number(fields, GlobalField.FALLBACK_LOCKTIME) or 0
    heights = [height for height, _ in requiring if height is not None]
    times = [time for _, time in requiring if time is not None]
    for locktimes in (heights, times):
        if len(locktimes) == len(requiring):
            return max(locktimes)
    raise PsbtError("locktime", "one input requires a height and another one a time")


def _without(fields: Fields, kinds: Set[int]) -> Fields:
    return {key: value for key, value in fields.items() if key[0] not in kinds}


def in_order(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    """By their types; those of one type stay as they are."""
    return dict(sorted(fields, key=lambda field: field[0][0]))
