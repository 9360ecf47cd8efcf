"""PSBTs of the standards: Core's rpc_psbt.json (BIP174, BIP371, BIP373) and BIP370's."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest
from bip_utils import WifDecoder
from coincurve import PrivateKey

from indexer.chain.address import script_of
from indexer.chain.encoding import TxOutput, hash_from_hex
from indexer.chain.network import get_network
from tests.chain_files import VECTORS
from wallet.psbt import Psbt, combine, parse_psbt
from wallet.psbt_digests import Digests
from wallet.psbt_fields import InputField, PsbtError
from wallet.psbt_finish import extract, finalise, missing
from wallet.psbt_format import key_of
from wallet.sighash import ALL
from wallet.signing import sign_ecdsa

REGTEST = get_network("bitcoin-regtest")
CORE: dict[str, list[Any]] = json.loads((VECTORS / "core_rpc_psbt.json").read_text())

# Core's own words for a fault, and ours.
_SAID = {
    "Input Taproot BIP32 keypath has an invalid length": "tap bip32 derivation",
    "Output Taproot tree must not be empty": "a tree without leaves",
    "Size of value was not the stated size": "32 bytes expected, 31 found",
}


@pytest.mark.parametrize("number", range(len(CORE["invalid"])))
def test_what_core_refuses_is_refused(number: int) -> None:
    with pytest.raises(PsbtError):
        parse_psbt(CORE["invalid"][number], REGTEST)


@pytest.mark.parametrize(("psbt", "said"), CORE["invalid_with_msg"])
def test_what_core_refuses_is_refused_with_a_reason(psbt: str, said: str) -> None:
    words = said.lower().split()
    with pytest.raises(PsbtError) as told:
        parse_psbt(psbt, REGTEST)
    assert _SAID.get(said, words[1]) in str(told.value)
    assert said in _SAID or told.value.field.startswith(words[0])


@pytest.mark.parametrize("number", range(len(CORE["valid"])))
def test_what_core_takes_is_read_and_written_back(number: int) -> None:
    psbt = parse_psbt(CORE["valid"][number], REGTEST)
    again = parse_psbt(psbt.base64, REGTEST)
    assert again == psbt
    first_field = psbt.serialize()[5:7] == b"\x01\x00"
    assert first_field
    if CORE["valid"][number].startswith("cHNidP8BA"):  # the transaction stands first there too
        assert psbt.base64 == CORE["valid"][number]


def test_creator() -> None:
    (vector,) = CORE["creator"]
    wanted = parse_psbt(vector["result"], REGTEST)
    outpoints = [(hash_from_hex(each["txid"]), each["vout"]) for each in vector["inputs"]]
    outputs = [
        TxOutput(round(amount * 100_000_000), script_of(address, REGTEST))
        for each in vector["outputs"]
        for address, amount in each.items()
    ]
    assert [each[:2] for each in wanted.tx.inputs] == outpoints
    assert list(wanted.tx.outputs) == outputs
    made = Psbt(REGTEST, wanted.tx, wanted.inputs, wanted.outputs, {})
    assert made.base64 == vector["result"]


def _signed(psbt: Psbt, keys: Sequence[PrivateKey]) -> Psbt:
    """With a signature of each key on each input that names it."""
    digests = Digests(psbt)
    inputs = []
    for number, its_fields in enumerate(psbt.inputs):
        for key in keys:
            public = key.public_key.format()
            if public in its_fields.key_paths:
                hash_type = its_fields.sighash_type or ALL
                signature = sign_ecdsa(key, digests.ecdsa(number, hash_type), hash_type)
                its_fields = its_fields.with_fields(  # noqa: PLW2901
                    {key_of(InputField.PARTIAL_SIG, public): signature}
                )
        inputs.append(its_fields)
    return psbt.with_inputs(inputs)


@pytest.mark.parametrize(
    "vector", [each for each in CORE["signer"] if each["psbt"] != each["result"]]
)
def test_signer(vector: dict[str, Any]) -> None:
    """The signatures are those of Bitcoin Core, bit for bit."""
    wanted = parse_psbt(vector["result"], REGTEST)
    keys = [PrivateKey(WifDecoder.Decode(wif, b"\xef")[0]) for wif in vector["privkeys"]]
    signed = _signed(parse_psbt(vector["psbt"], REGTEST), keys)
    assert [each.partial_sigs for each in signed.inputs] == [
        each.partial_sigs for each in wanted.inputs
    ]
    finalise(wanted)


@pytest.mark.parametrize(
    "vector", [each for each in CORE["signer"] if each["psbt"] == each["result"]]
)
def test_what_no_signer_may_sign_has_no_digest(vector: dict[str, Any]) -> None:
    digests = Digests(parse_psbt(vector["psbt"], REGTEST))
    with pytest.raises(PsbtError, match=r"it is missing, (or not the one|and the input is not)"):
        [digests.ecdsa(number, ALL) for number in range(len(digests.spent))]


@pytest.mark.parametrize("number", range(len(CORE["combiner"])))
def test_combiner(number: int) -> None:
    parts = [parse_psbt(each, REGTEST) for each in CORE["combiner"][number]["combine"]]
    wanted = parse_psbt(CORE["combiner"][number]["result"], REGTEST)
    for order in (parts, parts[::-1]):
        combined = combine(order)
        assert [each.fields for each in combined.inputs] == [each.fields for each in wanted.inputs]
        assert combined.outputs == wanted.outputs
        assert combined.fields == wanted.fields


def test_other_transactions_are_not_combined() -> None:
    one, other = (parse_psbt(CORE["valid"][number], REGTEST) for number in (0, 1))
    with pytest.raises(PsbtError, match="different transactions"):
        combine([one, other])


def test_finalizer_and_extractor() -> None:
    (vector,) = CORE["finalizer"]
    final = finalise(parse_psbt(vector["finalize"], REGTEST))
    assert final.base64 == vector["result"]
    (vector,) = CORE["extractor"]
    transaction = extract(parse_psbt(vector["extract"], REGTEST))
    assert transaction.serialize().hex() == vector["result"]
    assert extract(final) == transaction


def test_what_is_not_final_is_not_extracted() -> None:
    one = parse_psbt(CORE["combiner"][0]["combine"][0], REGTEST)
    assert finalise(one).base64 == one.base64
    assert missing(one) == {
        0: "1 of 2 signatures are there",
        1: "1 of 2 signatures are there",
    }
    with pytest.raises(PsbtError, match="input 1: 1 of 2 signatures are there"):
        extract(one)


def test_wrong_signatures_are_told() -> None:
    psbt = parse_psbt(CORE["finalizer"][0]["finalize"], REGTEST)
    first, second = psbt.inputs
    (key, signature), (_, other) = first.partial_sigs.items()
    swapped = first.with_fields({key_of(InputField.PARTIAL_SIG, key): other})
    with pytest.raises(PsbtError, match="input 1, partial sig: the signature is wrong"):
        finalise(psbt.with_inputs([swapped, second]))
    retyped = first.with_fields({key_of(InputField.PARTIAL_SIG, key): signature[:-1] + b"\x02"})
    with pytest.raises(PsbtError, match="sighash type is 0x02, 0x01 was asked for"):
        finalise(psbt.with_inputs([retyped, second]))


# BIP370's vectors are all made of these parts; the longest is checked as a whole below.
_TXID = "010e200b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc8"
_INDEX = "010f0400000000"
_UTXO = (
    "0100520200000001c1aa256e214b96a1822f93de42bff3b5f3ff8d0519306e3515d7515a5e805b120000000000"
    "ffffffff0118c69a3b00000000160014b0a3af144208412693ca7d166852b52db0aef06e00000000"
    "01011f18c69a3b00000000160014b0a3af144208412693ca7d166852b52db0aef06e"
)
_KEYS = (
    "220202d601f84846a6755f776be00e3d9de8fb10acc935fb83c45fb0162d4cad5ab79218f69d873e5400008001"
    "00008000000080000000002a000000",
    "220202e36fbff53dd534070cf8fd396614680f357a9b85db7340bf1cfa745d2ad7b34018f69d873e5400008001"
    "0000800000008001000000" + "64000000",
)
_AMOUNTS = ("0103080008af2f00000000", "0103088bbdeb0b00000000")
_SCRIPTS = (
    "0104160014c430f64c4756da310dbd1a085572ef299926272c",
    "01041600144dd193ac964a56ac1b9e1cca8454fe2f474f8513",
)
_VERSION, _COUNTS = "01fb0402000000", "0104010101050102"
_TX_VERSION = "01020402000000"
_SEQUENCE, _TIME, _HEIGHT = "011004feffffff", "0111048c8dc462", "01120410270000"
_UNSIGNED = (
    "01007102000000010b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc80000000000"
    "feffffff020008af2f00000000160014c430f64c4756da310dbd1a085572ef299926272c8bbdeb0b00000000"
    "160014a07dac8ab6ca942d379ed795f835ba71c9cc688500000000"
)


def _version_2(
    head: str = _TX_VERSION + _COUNTS + _VERSION,
    spending: str = _UTXO + _TXID + _INDEX,
    outputs: Sequence[str] = (
        _KEYS[0] + _AMOUNTS[0] + _SCRIPTS[0],
        _KEYS[1] + _AMOUNTS[1] + _SCRIPTS[1],
    ),
) -> str:
    return "70736274ff" + "".join(part + "00" for part in (head, spending, *outputs))


def _version_0(head: str = "", spending: str = "", output: str = "") -> str:
    return "70736274ff" + "".join(
        part + "00" for part in (_UNSIGNED + head, _UTXO + spending, output + _KEYS[0], _KEYS[1])
    )


_FLAGS = [f"0106010{flags}" for flags in "1248356" + "7f"]
BIP370_VALID = {
    "required fields only": _version_2(
        spending=_TXID + _INDEX,
        outputs=[amount + script for amount, script in zip(_AMOUNTS, _SCRIPTS, strict=True)],
    ),
    "updated": _version_2(),
    "sequence": _version_2(spending=_UTXO + _TXID + _INDEX + _SEQUENCE),
    "all locktimes": _version_2(
        _TX_VERSION + "01030400000000" + _COUNTS + _VERSION,
        _UTXO + _TXID + _INDEX + _SEQUENCE + _TIME + _HEIGHT,
    ),
    **{f"flags {flags}": _version_2(_TX_VERSION + _COUNTS + flags + _VERSION) for flags in _FLAGS},
}
_FIRST_OUTPUT, _SECOND_OUTPUT = _AMOUNTS[0] + _SCRIPTS[0], _AMOUNTS[1] + _SCRIPTS[1]
BIP370_INVALID = {
    "version 0 with version 2": _version_0(_VERSION),
    "version 0 with transaction version": _version_0(_TX_VERSION),
    "version 0 with fallback locktime": _version_0("01030402000000"),
    "version 0 with input count": _version_0("01040102"),
    "version 0 with output count": _version_0("01050102"),
    "version 0 with flags": _version_0("01060100"),
    "version 0 with previous txid": _version_0(spending=_TXID),
    "version 0 with output index": _version_0(spending=_INDEX),
    "version 0 with sequence": _version_0(spending="011004ffffffff"),
    "version 0 with time": _version_0(spending=_TIME),
    "version 0 with height": _version_0(spending=_HEIGHT),
    "version 0 with amount": _version_0(output=_AMOUNTS[0]),
    "version 0 with script": _version_0(output=_SCRIPTS[0]),
    "no transaction version": _version_2(_COUNTS + _VERSION),
    "no input count": _version_2(_TX_VERSION + "01050102" + _VERSION),
    "no output count": _version_2(_TX_VERSION + "01040101" + _VERSION),
    "no previous txid": _version_2(spending=_UTXO + _INDEX),
    "no output index": _version_2(spending=_UTXO + _TXID),
    "no amount": _version_2(outputs=[_SCRIPTS[0], _SECOND_OUTPUT]),
    "no script": _version_2(outputs=[_AMOUNTS[0], _SECOND_OUTPUT]),
    "time that is a height": _version_2(spending=_UTXO + _TXID + _INDEX + "011104ff64cd1d"),
    "height that is a time": _version_2(spending=_UTXO + _TXID + _INDEX + "0112048c8dc462"),
    "height zero": _version_2(spending=_UTXO + _TXID + _INDEX + "01120400000000"),
    "with unsigned transaction": _version_2(_UNSIGNED + _TX_VERSION + _COUNTS + _VERSION),
    "more inputs than bytes": _version_2(_TX_VERSION + "0104fe00000001" + "01050102" + _VERSION),
}


def test_the_parts_make_the_standards_bytes() -> None:
    """The vector with all locktimes, as a whole."""
    whole = (
        "cHNidP8BAgQCAAAAAQMEAAAAAAEEAQEBBQECAfsEAgAAAAABAFICAAAAAcGqJW4hS5ahgi+T3kK/87Xz/40FGTBu"
        "NRXXUVpegFsSAAAAAAD/////ARjGmjsAAAAAFgAUsKOvFEIIQSaTyn0WaFK1LbCu8G4AAAAAAQEfGMaaOwAAAAAW"
        "ABSwo68UQghBJpPKfRZoUrUtsK7wbgEOIAsK2SFBnByHGXNdctxzn56p4GONH+TB7vD5lECEgV/IAQ8EAAAAAAEQ"
        "BP7///8BEQSMjcRiARIEECcAAAAiAgLWAfhIRqZ1X3dr4A49nej7EKzJNfuDxF+wFi1MrVq3khj2nYc+VAAAgAEA"
        "AIAAAACAAAAAACoAAAABAwgACK8vAAAAAAEEFgAUxDD2TEdW2jENvRoIVXLvKZkmJywAIgIC42+/9T3VNAcM+P05"
        "ZhRoDzV6m4Xbc0C/HPp0XSrXs0AY9p2HPlQAAIABAACAAAAAgAEAAABkAAAAAQMIi73rCwAAAAABBBYAFE3Rk6yW"
        "SlasG54cyoRU/i9HT4UTAA=="
    )
    assert parse_psbt(whole, REGTEST) == parse_psbt(BIP370_VALID["all locktimes"], REGTEST)
    assert b64decode(whole).hex() == BIP370_VALID["all locktimes"]


@pytest.mark.parametrize("name", BIP370_VALID)
def test_version_2_is_read_as_the_version_0_it_stands_for(name: str) -> None:
    psbt = parse_psbt(BIP370_VALID[name], REGTEST)
    assert psbt.tx.version == 2
    (spending,) = psbt.tx.inputs
    assert spending.prev_txid == bytes.fromhex(_TXID[6:])
    with_sequence = _SEQUENCE in BIP370_VALID[name]
    assert spending.sequence == (0xFFFFFFFE if with_sequence else 0xFFFFFFFF)
    assert [output.value for output in psbt.tx.outputs] == [800_000_000, 199_998_859]
    assert psbt.tx.locktime == (10_000 if name == "all locktimes" else 0)
    assert parse_psbt(psbt.base64, REGTEST) == psbt


@pytest.mark.parametrize("name", BIP370_INVALID)
def test_mixed_versions_are_refused(name: str) -> None:
    with pytest.raises(PsbtError):
        parse_psbt(BIP370_INVALID[name], REGTEST)


def test_the_same_without_the_fault_is_read() -> None:
    """So that each case above is refused for what its name says."""
    assert parse_psbt(_version_0(), REGTEST).fee == 141


_LOW, _LATER = "01120428230000", "0111048d8dc462"  # height 9000, a second later


@pytest.mark.parametrize(
    ("one", "other", "locktime"),
    [
        ("", "", 5),
        (_HEIGHT, "", 10_000),
        (_HEIGHT, _LOW, 10_000),
        (_HEIGHT, _LOW + _TIME, 10_000),
        (_HEIGHT + _LATER, _LOW + _TIME, 10_000),
        (_LATER, _LOW + _TIME, 1_657_048_461),
        (_TIME + _HEIGHT, _LATER, 1_657_048_461),
        (_TIME, "", 1_657_048_460),
        (_TIME, _HEIGHT, None),
    ],
)
def test_the_locktime_that_inputs_require(one: str, other: str, locktime: int | None) -> None:
    second = _TXID.replace("0b0ad9", "0c0ad9") + _INDEX
    head = _TX_VERSION + "01030405000000" + "01040102" + "01050100" + _VERSION
    text = "70736274ff" + "".join(
        part + "00" for part in (head, _TXID + _INDEX + one, second + other)
    )
    if locktime is None:
        with pytest.raises(PsbtError, match="locktime"):
            parse_psbt(text, REGTEST)
    else:
        assert parse_psbt(text, REGTEST).tx.locktime == locktime
