"""Digests, taproot trees and signatures against the standards' vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey, PublicKey

from indexer.chain.encoding import TxOutput, parse_transaction
from indexer.chain.network import get_network
from wallet.sighash import Sighash, SighashError
from wallet.signing import ECDSA_SIZE, sign_ecdsa, sign_schnorr
from wallet.taproot import (
    Leaf,
    Tree,
    control_blocks,
    merkle_root,
    output_key,
    tweak_of,
    tweaked,
    x_only,
)

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
MAIN = get_network("bitcoin-main")
BIP341 = json.loads((VECTORS / "bip-0341_wallet-test-vectors.json").read_text())
KEY_PATH = BIP341["keyPathSpending"][0]


def test_legacy_digests_of_core() -> None:
    cases = json.loads((VECTORS / "core_sighash.json").read_text())[1:]
    assert len(cases) == 500
    for raw, script, index, hash_type, expected in cases:
        tx = parse_transaction(bytes.fromhex(raw), MAIN)
        digest = Sighash(tx, ()).legacy(index, bytes.fromhex(script), hash_type)
        assert digest[::-1].hex() == expected


# The unsigned transactions and digests that BIP143 prints.
BIP143 = [
    (  # native P2WPKH
        "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b8"
        "04cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a914"
        "8280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f016"
        "7faa815988ac11000000",
        1,
        600_000_000,
        "76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac",
        1,
        "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670",
    ),
    (  # P2SH-P2WPKH
        "0100000001db6b1b20aa0fd7b23880be2ecbd4a98130974cf4748fb66092ac4d3ceb1a54770100000000feffffff02b8b4eb"
        "0b000000001976a914a457b684d7f0d539a46a45bbc043f35b59d0d96388ac0008af2f000000001976a914fd270b1ee6abca"
        "ea97fea7ad0402e8bd8ad6d77c88ac92040000",
        0,
        1_000_000_000,
        "76a91479091972186c449eb1ded22b78e40d009bdf008988ac",
        1,
        "64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6",
    ),
]
_MULTISIG_TX = (
    "010000000136641869ca081e70f394c6948e8af409e18b619df2ed74aa106c1ca29787b96e0100000000ffffffff0200e9a435"
    "000000001976a914389ffce9cd9ae88dcc0631e88a821ffdbe9bfe2688acc0832f05000000001976a9147480a33f950689af51"
    "1e6e84c138dbbd3c3ee41588ac00000000"
)
_MULTISIG_SCRIPT = (
    "56210307b8ae49ac90a048e9b53357a2354b3334e9c8bee813ecb98e99a7e07e8c3ba32103b28f0c28bfab54554ae8c658ac5c"
    "3e0ce6e79ad336331f78c428dd43eea8449b21034b8113d703413d57761b8b9781957b8c0ac1dfe69f492580ca4195f50376ba"
    "4a21033400f6afecb833092a9a21cfdf1ed1376e58c5d1f47de74683123987e967a8f42103a6d48b1131e94ba04d9737d61acd"
    "aa1322008af9602b3b14862c07a1789aac162102d8b661b0b3302ee2f162b09e07a55ad5dfbe673a9f01d9f0c19617681024306b56ae"
)
BIP143 += [  # P2SH-P2WSH, one input signed with each of the six sighash types
    (_MULTISIG_TX, 0, 987_654_321, _MULTISIG_SCRIPT, hash_type, expected)
    for hash_type, expected in (
        (0x01, "185c0be5263dce5b4bb50a047973c1b6272bfbd0103a89444597dc40b248ee7c"),
        (0x02, "e9733bc60ea13c95c6527066bb975a2ff29a925e80aa14c213f686cbae5d2f36"),
        (0x03, "1e1f1c303dc025bd664acb72e583e933fae4cff9148bf78c157d1e8f78530aea"),
        (0x81, "2a67f03e63a6a422125878b40b82da593be8d4efaafe88ee528af6e5a9955c6e"),
        (0x82, "781ba15f3779d5542ce8ecb5c18716733a5ee42a6f51488ec96154934e2c890a"),
        (0x83, "511e8e52ed574121fc1b654970395502128263f62662e076dc6baf05c2e6a99b"),
    )
]


@pytest.mark.parametrize(("raw", "index", "value", "code", "hash_type", "expected"), BIP143)
def test_bip143_digests(
    raw: str, index: int, value: int, code: str, hash_type: int, expected: str
) -> None:
    tx = parse_transaction(bytes.fromhex(raw), MAIN)
    spent = [TxOutput(value, b"")] * len(tx.inputs)
    assert Sighash(tx, spent).segwit_v0(index, bytes.fromhex(code), hash_type).hex() == expected


def _tree(data: Any) -> Tree:
    if isinstance(data, dict):
        return Leaf(bytes.fromhex(data["script"]), data["leafVersion"])
    left, right = data
    return _tree(left), _tree(right)


@pytest.mark.parametrize("case", BIP341["scriptPubKey"])
def test_bip341_outputs(case: dict[str, Any]) -> None:
    internal = bytes.fromhex(case["given"]["internalPubkey"])
    tree = None if case["given"]["scriptTree"] is None else _tree(case["given"]["scriptTree"])
    root = merkle_root(tree)
    middle, expected = case["intermediary"], case["expected"]
    assert root.hex() == (middle["merkleRoot"] or "")
    assert tweak_of(internal, root).hex() == middle["tweak"]
    assert output_key(internal, root)[0].hex() == middle["tweakedPubkey"]
    assert "5120" + output_key(internal, root)[0].hex() == expected["scriptPubKey"]
    if tree is not None:
        opened = control_blocks(internal, tree)
        assert [leaf.hash.hex() for leaf, _ in opened] == middle["leafHashes"]
        assert [control.hex() for _, control in opened] == expected["scriptPathControlBlocks"]


@pytest.mark.parametrize("case", KEY_PATH["inputSpending"])
def test_bip341_key_path(case: dict[str, Any]) -> None:
    given = case["given"]
    tx = parse_transaction(bytes.fromhex(KEY_PATH["given"]["rawUnsignedTx"]), MAIN)
    spent = [
        TxOutput(output["amountSats"], bytes.fromhex(output["scriptPubKey"]))
        for output in KEY_PATH["given"]["utxosSpent"]
    ]
    digest = Sighash(tx, spent).taproot(given["txinIndex"], given["hashType"])
    assert digest.hex() == case["intermediary"]["sigHash"]
    internal = PrivateKey(bytes.fromhex(given["internalPrivkey"]))
    assert x_only(internal).hex() == case["intermediary"]["internalPubkey"]
    key = tweaked(internal, bytes.fromhex(given["merkleRoot"] or ""))
    assert key.secret.hex() == case["intermediary"]["tweakedPrivkey"]
    assert sign_schnorr(key, digest, given["hashType"]).hex() == case["expected"]["witness"][0]


def test_taproot_refuses_what_has_no_digest() -> None:
    tx = parse_transaction(bytes.fromhex(KEY_PATH["given"]["rawUnsignedTx"]), MAIN)
    digests = Sighash(tx, [TxOutput(0, b"")] * len(tx.inputs))
    with pytest.raises(SighashError, match="SINGLE"):
        digests.taproot(len(tx.outputs), 3)
    with pytest.raises(SighashError, match="0x04"):
        digests.taproot(0, 4)


def test_ecdsa_is_low_s_and_low_r_and_repeatable() -> None:
    key = PrivateKey(bytes(31) + b"\x07")
    for number in range(200):
        digest = number.to_bytes(32, "big")
        signature = sign_ecdsa(key, digest, 1)
        assert len(signature) <= ECDSA_SIZE
        assert signature == sign_ecdsa(key, digest, 1)
        assert PublicKey(key.public_key.format()).verify(signature[:-1], digest, hasher=None)
