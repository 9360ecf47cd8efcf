"""Partially signed transactions (BIP174, BIP371): what they say, and several made one.

`wallet.psbt_build` makes them, `wallet.psbt_finish` finishes them.
"""

import binascii
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from indexer.chain.encoding import EncodingError, Transaction, TxOutput, parse_transaction
from indexer.chain.network import Network
from wallet.psbt_fields import (
    InputField,
    KeyPath,
    OutputField,
    PsbtError,
    Scope,
    name_of,
    parse_key_path,
    parse_output,
    parse_tap_key_path,
    parse_witness,
)
from wallet.psbt_format import (
    Fields,
    RawPsbt,
    in_order,
    key_of,
    parse_raw,
    read_bytes,
    serialize_raw,
)
from wallet.sentence import said


@dataclass(frozen=True)
class _FieldMap:
    """Fields about one input or output: key (type and data) to value. Not to be changed."""

    fields: Mapping[bytes, bytes]

    def with_fields(self, more: Mapping[bytes, bytes]) -> Self:
        """The same with these fields added or replaced."""
        return replace(self, fields=in_order({**self.fields, **more}.items()))

    def without(self, kinds: Set[int]) -> Self:
        """The same without fields of these types."""
        kept = {key: value for key, value in self.fields.items() if key[0] not in kinds}
        return replace(self, fields=kept)

    def _one(self, kind: int) -> bytes | None:
        return self.fields.get(key_of(kind))

    def _keyed(self, kind: int) -> Iterator[tuple[bytes, bytes]]:
        """Key data and value of each field of a type."""
        for key, value in self.fields.items():
            if key[0] == kind:
                yield key[1:], value


@dataclass(frozen=True)
class InputMap(_FieldMap):
    """What is known about an input."""

    network: Network

    @cached_property
    def previous(self) -> Transaction | None:
        """The transaction whose output is spent."""
        raw = self._one(InputField.NON_WITNESS_UTXO)
        return None if raw is None else parse_transaction(raw, self.network)

    @cached_property
    def witness_utxo(self) -> TxOutput | None:
        value = self._one(InputField.WITNESS_UTXO)
        return None if value is None else parse_output(value)

    @property
    def partial_sigs(self) -> dict[bytes, bytes]:
        """ECDSA signatures by public key."""
        return dict(self._keyed(InputField.PARTIAL_SIG))

    @property
    def sighash_type(self) -> int | None:
        value = self._one(InputField.SIGHASH_TYPE)
        return None if value is None else int.from_bytes(value, "little")

    @property
    def redeem_script(self) -> bytes | None:
        return self._one(InputField.REDEEM_SCRIPT)

    @property
    def witness_script(self) -> bytes | None:
        return self._one(InputField.WITNESS_SCRIPT)

    @property
    def key_paths(self) -> dict[bytes, KeyPath]:
        """Of ECDSA keys, by public key."""
        paths = self._keyed(InputField.BIP32_DERIVATION)
        return {key: parse_key_path(value) for key, value in paths}

    @property
    def tap_key_paths(self) -> dict[bytes, KeyPath]:
        """Of taproot keys, by x-only public key."""
        paths = self._keyed(InputField.TAP_BIP32_DERIVATION)
        return {key: parse_tap_key_path(value) for key, value in paths}

    @property
    def tap_internal_key(self) -> bytes | None:
        return self._one(InputField.TAP_INTERNAL_KEY)

    @property
    def tap_key_sig(self) -> bytes | None:
        return self._one(InputField.TAP_KEY_SIG)

    @property
    def final_script_sig(self) -> bytes | None:
        return self._one(InputField.FINAL_SCRIPT_SIG)

    @property
    def final_witness(self) -> tuple[bytes, ...] | None:
        value = self._one(InputField.FINAL_WITNESS)
        return None if value is None else parse_witness(value)

    @property
    def is_final(self) -> bool:
        return self.final_script_sig is not None or self.final_witness is not None


@dataclass(frozen=True)
class OutputMap(_FieldMap):
    """What is known about an output."""

    @property
    def redeem_script(self) -> bytes | None:
        return self._one(OutputField.REDEEM_SCRIPT)

    @property
    def witness_script(self) -> bytes | None:
        return self._one(OutputField.WITNESS_SCRIPT)

    @property
    def key_paths(self) -> dict[bytes, KeyPath]:
        """Of ECDSA keys, by public key."""
        paths = self._keyed(OutputField.BIP32_DERIVATION)
        return {key: parse_key_path(value) for key, value in paths}

    @property
    def tap_key_paths(self) -> dict[bytes, KeyPath]:
        """Of taproot keys, by x-only public key."""
        paths = self._keyed(OutputField.TAP_BIP32_DERIVATION)
        return {key: parse_tap_key_path(value) for key, value in paths}

    @property
    def tap_internal_key(self) -> bytes | None:
        return self._one(OutputField.TAP_INTERNAL_KEY)


@dataclass(frozen=True)
class Psbt:
    """A transaction without signatures, and what is known about its inputs and outputs."""

    network: Network
    tx: Transaction
    inputs: tuple[InputMap, ...]
    outputs: tuple[OutputMap, ...]
    fields: Mapping[bytes, bytes]

    def serialize(self) -> bytes:
        """Version 0."""
        return serialize_raw(
            RawPsbt(
                self.tx,
                dict(self.fields),
                [dict(each.fields) for each in self.inputs],
                [dict(each.fields) for each in self.outputs],
            )
        )

    @property
    def base64(self) -> str:
        return binascii.b2a_base64(self.serialize(), newline=False).decode()

    def spent(self, number: int) -> TxOutput | None:
        """The output that an input spends, None if the PSBT does not hold it."""
        previous = self.inputs[number].previous
        if previous is not None:
            return previous.outputs[self.tx.inputs[number].prev_vout]
        return self.inputs[number].witness_utxo

    @property
    def fee(self) -> int | None:
        """What the inputs have above the outputs, None if an input's amount is not known."""
        spent = [self.spent(number) for number in range(len(self.inputs))]
        known = [output.value for output in spent if output is not None]
        if len(known) < len(spent):
            return None
        return sum(known) - sum(output.value for output in self.tx.outputs)

    def with_inputs(self, inputs: Sequence[InputMap]) -> "Psbt":
        return replace(self, inputs=tuple(inputs))


def parse_psbt(data: bytes | str, network: Network) -> Psbt:
    """A PSBT of version 0 or 2, from its bytes, base64 or hexadecimal digits.

    PsbtError says which field is not as it should be; also where the transactions or outputs that
    it gives for what it spends are not those.
    """
    raw = parse_raw(read_bytes(data), network)
    psbt = Psbt(
        network,
        raw.tx,
        tuple(InputMap(fields, network) for fields in raw.inputs),
        tuple(map(OutputMap, raw.outputs)),
        raw.fields,
    )
    for number in range(len(psbt.inputs)):
        _check_spent(psbt, number)
    return psbt


def _check_spent(psbt: Psbt, number: int) -> None:
    spending, its_fields = psbt.tx.inputs[number], psbt.inputs[number]
    field = name_of(Scope.INPUT, InputField.NON_WITNESS_UTXO, number)
    try:
        previous = its_fields.previous
    except EncodingError as problem:
        raise PsbtError(field, str(problem)) from None
    if previous is None:
        return
    if previous.txid != spending.prev_txid:
        raise PsbtError(field, "it is not the transaction that the input spends from")
    if spending.prev_vout >= len(previous.outputs):
        raise PsbtError(field, said("it has no output %(number)s", number=spending.prev_vout))
    given = its_fields.witness_utxo
    if given is not None and given != previous.outputs[spending.prev_vout]:
        field = name_of(Scope.INPUT, InputField.WITNESS_UTXO, number)
        raise PsbtError(field, "it differs from the output of the transaction given with it")


def combine(psbts: Sequence[Psbt]) -> Psbt:
    """One PSBT with what all of them know; PsbtError if they are of different transactions.

    Where two know different things about the same field, the first is believed.
    """
    first = psbts[0]
    if any(psbt.tx != first.tx for psbt in psbts):
        raise PsbtError("global, unsigned tx", "these PSBTs are of different transactions")
    return replace(
        first,
        fields=_union([psbt.fields for psbt in psbts]),
        inputs=tuple(
            replace(each[0], fields=_union([one.fields for one in each]))
            for each in zip(*(psbt.inputs for psbt in psbts), strict=True)
        ),
        outputs=tuple(
            OutputMap(_union([one.fields for one in each]))
            for each in zip(*(psbt.outputs for psbt in psbts), strict=True)
        ),
    )


def _union(maps: Sequence[Mapping[bytes, bytes]]) -> Fields:
    union: Fields = {}
    for fields in maps:
        for key, value in fields.items():
            union.setdefault(key, value)
    return in_order(union.items())
