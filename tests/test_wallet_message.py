"""Signed messages: BIP322's vectors, the older form on every coin, and a real node's."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from bip_utils import WifDecoder
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain import script as scripts
from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.encoding import hash160, hash_hex
from indexer.chain.network import NETWORKS, Network, get_network
from tests.fixtures_litecoind import Daemon
from wallet.bip322 import message_hash, to_sign, to_spend
from wallet.keys import Purpose, purposes_of
from wallet.message import (
    MAX_MESSAGE,
    MessageError,
    Problem,
    SignatureFormat,
    Verdict,
    sign_message,
    verify_message,
)
from wallet.spending import of_account

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
BASIC = json.loads((VECTORS / "bip-0322_basic-test-vectors.json").read_text())
GENERATED = json.loads((VECTORS / "bip-0322_generated-test-vectors.json").read_text())
MAIN = get_network("bitcoin-main")
KEY = PrivateKey(bytes(31) + b"\x07")
SCRIPTED = ("p2tr-time-lock", "p2wsh-time-lock")  # no wallet's template: not run
PURPOSES = {"p2wpkh": Purpose.P2WPKH, "p2tr": Purpose.P2TR, "p2sh-p2wpkh": Purpose.P2SH_P2WPKH}


def address(purpose: Purpose, network: Network = MAIN, key: PrivateKey = KEY) -> str:
    made = address_of(of_account(purpose, key).script, network)
    assert made
    return made


def secret(wif: str) -> PrivateKey:
    return PrivateKey(WifDecoder.Decode(wif)[0])


@pytest.mark.parametrize("vector", BASIC["tx_hashes"])
def test_bip322_transactions(vector: dict[str, Any]) -> None:
    script = script_of(vector["address"], MAIN)
    message = vector["message"]
    assert message_hash(message).hex() == vector["message_hash"]
    assert hash_hex(to_spend(message, script).txid) == vector["to_spend_tx_hash"]
    assert hash_hex(to_sign(message, script).txid) == vector["to_sign_tx_hash"]


@pytest.mark.parametrize("vector", BASIC["simple"] + GENERATED["simple"])
def test_bip322_simple(vector: dict[str, Any]) -> None:
    for signature in vector["bip322_signatures"]:
        for text in (signature, signature.removeprefix("smp")):
            found = verify_message(vector["address"], vector["message"], text, MAIN)
            assert found[:3] == (Verdict.VALID, SignatureFormat.SIMPLE, None)
    purpose = PURPOSES.get(vector["type"])
    if purpose:
        key = secret(vector["private_keys"][0])
        ours = sign_message(key, purpose, vector["message"], MAIN)
        assert verify_message(vector["address"], vector["message"], ours, MAIN).verdict == "valid"


def test_our_p2wpkh_signatures_are_those_of_the_bip() -> None:
    same = [v for v in BASIC["simple"] if v["type"] == "p2wpkh"]
    assert same
    for vector in same:
        ours = sign_message(
            secret(vector["private_keys"][0]), Purpose.P2WPKH, vector["message"], MAIN
        )
        assert f"smp{ours}" in vector["bip322_signatures"]


@pytest.mark.parametrize("vector", GENERATED["full"], ids=lambda vector: vector["type"])
def test_bip322_full(vector: dict[str, Any]) -> None:
    for signature in vector["bip322_signatures"]:
        for text in (signature, signature.removeprefix("ful")):
            found = verify_message(vector["address"], vector["message"], text, MAIN)
            assert found.format is SignatureFormat.FULL
            if vector["type"] in SCRIPTED:
                assert found[:3:2] == (Verdict.INCONCLUSIVE, Problem.SCRIPT)
            else:
                assert found.verdict is Verdict.VALID
                assert found[3:] == (vector["lock_time"], vector["sequence"])


@pytest.mark.parametrize("vector", GENERATED["proof_of_funds"])
def test_proofs_of_funds_are_left_open(vector: dict[str, Any]) -> None:
    for signature in vector["bip322_signatures"]:
        found = verify_message(vector["address"], vector["message"], signature, MAIN)
        assert found[:3:2] == (Verdict.INCONCLUSIVE, Problem.PROOF_OF_FUNDS)


@pytest.mark.parametrize(
    "vector", BASIC["error"] + GENERATED["error"], ids=lambda vector: vector["description"]
)
def test_bip322_errors(vector: dict[str, Any]) -> None:
    found = verify_message(vector["address"], vector["message"], vector["signature"], MAIN)
    assert found.verdict is Verdict.INVALID
    assert found.problem


@pytest.mark.parametrize("name", NETWORKS)
def test_signatures_of_every_kind_of_address(name: str) -> None:
    network = NETWORKS[name]
    for purpose in purposes_of(network):
        ours = sign_message(KEY, purpose, "Zürich, 測試 🎉\n", network)
        mine = address(purpose, network)
        assert verify_message(f" {mine} ", "Zürich, 測試 🎉\n", f"{ours}\n", network)[0] == "valid"
        assert verify_message(mine, "Zürich, 測試 🎉", ours, network).verdict is Verdict.INVALID
        other = address(purpose, network, PrivateKey(bytes(31) + b"\x08"))
        assert verify_message(other, "Zürich, 測試 🎉\n", ours, network)[0] == "invalid"


def test_each_coin_has_its_own_sentence() -> None:
    bitcoin = sign_message(KEY, Purpose.P2PKH, "hello", MAIN)
    for name in ("litecoin-main", "dogecoin-main"):
        network = NETWORKS[name]
        found = verify_message(address(Purpose.P2PKH, network), "hello", bitcoin, network)
        assert found[:3] == (Verdict.INVALID, SignatureFormat.LEGACY, Problem.OTHER_ADDRESS)


@pytest.mark.parametrize(
    ("offset", "purposes"),
    [
        (0, {Purpose.P2PKH, Purpose.P2SH_P2WPKH, Purpose.P2WPKH}),  # Core, Electrum
        (4, {Purpose.P2SH_P2WPKH}),  # BIP137
        (8, {Purpose.P2WPKH}),
    ],
)
def test_headers_of_segwit_addresses(offset: int, purposes: set[Purpose]) -> None:
    raw = b64decode(sign_message(KEY, Purpose.P2PKH, "hello", MAIN))
    text = b64encode(bytes([raw[0] + offset]) + raw[1:]).decode()
    for purpose in Purpose:
        found = verify_message(address(purpose), "hello", text, MAIN)
        assert (found.verdict is Verdict.VALID) == (purpose in purposes)
    assert found.problem is Problem.NOT_FOR_ADDRESS  # taproot


def test_an_uncompressed_keys_address_is_another() -> None:
    raw = b64decode(sign_message(KEY, Purpose.P2PKH, "hello", MAIN))
    text = b64encode(bytes([raw[0] - 4]) + raw[1:]).decode()
    other = address(Purpose.P2PKH)
    assert verify_message(other, "hello", text, MAIN).problem is Problem.OTHER_ADDRESS
    script = scripts.p2pkh(hash160(KEY.public_key.format(compressed=False)))
    own = address_of(script, MAIN)
    assert own
    assert verify_message(own, "hello", text, MAIN).verdict is Verdict.VALID


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(AddressError):
        verify_message("nonsense", "hello", "AA==", MAIN)


def test_messages_have_a_bound() -> None:
    with pytest.raises(MessageError):
        sign_message(KEY, Purpose.P2WPKH, "x" * (MAX_MESSAGE + 1), MAIN)
    found = verify_message(address(Purpose.P2WPKH), "x" * (MAX_MESSAGE + 1), "AA==", MAIN)
    assert found.verdict is Verdict.INVALID


@given(st.sampled_from(list(Purpose)), st.data())
def test_one_changed_bit_is_noticed(purpose: Purpose, data: st.DataObject) -> None:
    raw = bytearray(b64decode(sign_message(KEY, purpose, "hello", MAIN)))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    found = verify_message(address(purpose), "hello", b64encode(raw).decode(), MAIN)
    assert found.verdict is not Verdict.VALID


@given(
    st.one_of(st.text(), st.binary().map(lambda raw: b64encode(raw).decode())),
    st.sampled_from(["", "smp", "ful", "pof"]),
    st.text(),
    st.sampled_from(list(Purpose)),
)
def test_any_signature_gives_a_verdict(
    signature: str, prefix: str, message: str, purpose: Purpose
) -> None:
    found = verify_message(address(purpose), message, prefix + signature, MAIN)
    assert found.verdict is not Verdict.VALID


def test_a_real_node_agrees(litecoind: Daemon) -> None:
    network = litecoind.network
    mine = address(Purpose.P2PKH, network)
    ours = sign_message(KEY, Purpose.P2PKH, "hello 你好", network)
    assert litecoind.rpc("verifymessage", mine, ours, "hello 你好") is True
    theirs_address = litecoind.address(kind="legacy")
    theirs = litecoind.rpc("signmessage", theirs_address, "hello 你好", wallet="miner")
    assert verify_message(theirs_address, "hello 你好", theirs, network).verdict is Verdict.VALID
