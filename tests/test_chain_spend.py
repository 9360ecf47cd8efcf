"""What inputs reveal, in real blocks, in BIP341's vectors and in spends built by hand."""

import json
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.encoding import parse_block, parse_spent_outputs
from indexer.chain.script import (
    multisig,
    p2a,
    p2pk,
    p2pkh,
    p2sh,
    p2tr,
    p2wpkh,
    p2wsh,
    push,
    witness_script_pubkey,
)
from indexer.chain.spend import Multisig, Signature, Spend, SpendKind, explain_input
from tests.chain_files import BLOCK_FILES, CHAINDATA, VECTORS, network_of

KEY = b"\x02" + bytes(range(32))
OTHER_KEY = b"\x03" + bytes(32)
DER = bytes.fromhex("3006020101020101")  # the smallest two integers
SIGNATURE = DER + b"\x01"
SCHNORR = b"\x07" * 64
XONLY = bytes(range(32))


def kinds(name: str) -> Counter[tuple[str, str]]:
    """Kind and m-of-n of every input of a block whose spent outputs are known."""
    file = next(file for file in BLOCK_FILES if file.name.startswith(name))
    block = parse_block(file.read_bytes(), network_of(file))
    spent = parse_spent_outputs((CHAINDATA / "undo" / f"{name}.outputs.raw").read_bytes(), block)
    found: Counter[tuple[str, str]] = Counter()
    for transaction, outputs in zip(block.transactions[1:], spent, strict=True):
        for tx_input, output in zip(transaction.inputs, outputs, strict=True):
            spend = explain_input(output.script, tx_input.script_sig, tx_input.witness)
            shared = spend.multisig
            asked = shared.required if shared else 1
            assert len(spend.signatures) == asked
            assert len(spend.public_keys) == (len(shared.keys) if shared else 1)
            assert {signature.sighash_name for signature in spend.signatures} == {"ALL"}
            found[spend.kind, f"{asked}/{len(spend.public_keys)}"] += 1
    return found


def test_inputs_of_a_block_of_2014() -> None:
    assert kinds("btc_mainnet_300025") == {("p2pkh", "1/1"): 1424, ("multisig", "1/3"): 3}


def test_inputs_of_the_first_segwit_blocks() -> None:
    assert kinds("btc_testnet3_928816") == {
        ("p2wpkh", "1/1"): 8629,
        ("p2pkh", "1/1"): 58,
        ("p2sh", "2/2"): 4,
        ("p2sh", "2/3"): 1,
    }


def test_inputs_of_a_block_of_shared_wallets() -> None:
    assert kinds("btc_testnet3_928828") == {
        ("p2sh", "2/3"): 1891,
        ("p2pkh", "1/1"): 75,
        ("p2sh", "2/2"): 5,
        ("p2sh", "3/3"): 1,
    }


def test_bip341_control_blocks() -> None:
    vectors = json.loads((VECTORS / "bip-0341_wallet-test-vectors.json").read_text())
    checked = 0
    for vector in vectors["scriptPubKey"]:
        tree, controls = vector["given"]["scriptTree"], vector["expected"]
        for leaf, control in zip(
            leaves(tree), controls.get("scriptPathControlBlocks", []), strict=True
        ):
            script = bytes.fromhex(leaf["script"])
            witness = [SCHNORR, script, bytes.fromhex(control)]
            spend = explain_input(bytes.fromhex(controls["scriptPubKey"]), b"", witness)
            assert spend.kind is SpendKind.P2TR_SCRIPT
            assert spend.script == spend.tapscript == script
            block = spend.control_block
            assert block is not None
            assert block.leaf_version == leaf["leafVersion"]
            assert block.internal_key.hex() == vector["given"]["internalPubkey"]
            root = fold_taproot(script, block.leaf_version, block.merkle_path)
            assert root.hex() == vector["intermediary"]["merkleRoot"]
            checked += 1
    assert checked > 8


def leaves(tree: object) -> list[dict[str, Any]]:
    if isinstance(tree, dict):
        return [tree]
    return [leaf for branch in tree for leaf in leaves(branch)] if isinstance(tree, list) else []


def tagged_hash(tag: str, data: bytes) -> bytes:
    prefix = sha256(tag.encode()).digest()
    return sha256(prefix + prefix + data).digest()


def fold_taproot(script: bytes, leaf_version: int, path: tuple[bytes, ...]) -> bytes:
    known = tagged_hash("TapLeaf", bytes((leaf_version, len(script))) + script)
    for sibling in path:
        known = tagged_hash("TapBranch", min(known, sibling) + max(known, sibling))
    return known


def test_bip341_key_path_signatures() -> None:
    vectors = json.loads((VECTORS / "bip-0341_wallet-test-vectors.json").read_text())
    (spending,) = vectors["keyPathSpending"]
    utxos = spending["given"]["utxosSpent"]
    for vector in spending["inputSpending"]:
        utxo = utxos[vector["given"]["txinIndex"]]
        witness = [bytes.fromhex(item) for item in vector["expected"]["witness"]]
        spend = explain_input(bytes.fromhex(utxo["scriptPubKey"]), b"", witness)
        assert spend.kind is SpendKind.P2TR_KEY
        assert spend.public_keys == (bytes.fromhex(utxo["scriptPubKey"])[2:],)
        assert [signature.sighash for signature in spend.signatures] == [
            vector["given"]["hashType"]
        ]


def test_p2pk() -> None:
    spend = explain_input(p2pk(KEY), push(SIGNATURE), ())
    assert spend.kind is SpendKind.P2PK
    assert spend.public_keys == (KEY,)
    assert [signature.data for signature in spend.signatures] == [SIGNATURE]


def test_p2pkh() -> None:
    spend = explain_input(p2pkh(bytes(20)), push(SIGNATURE) + push(KEY), ())
    assert spend.kind is SpendKind.P2PKH
    assert spend.public_keys == (KEY,)
    assert len(spend.signatures) == 1
    assert spend.script is None


def test_bare_multisig() -> None:
    script_sig = b"\x00" + push(SIGNATURE) + push(SIGNATURE)
    spend = explain_input(multisig(2, [KEY, OTHER_KEY]), script_sig, ())
    assert spend.kind is SpendKind.MULTISIG
    assert spend.multisig == Multisig(2, (KEY, OTHER_KEY))
    assert len(spend.signatures) == 2
    assert spend.arguments == (b"", SIGNATURE, SIGNATURE)


def test_p2sh_multisig() -> None:
    redeem = multisig(1, [KEY, OTHER_KEY])
    spend = explain_input(p2sh(bytes(20)), b"\x00" + push(SIGNATURE) + push(redeem), ())
    assert spend.kind is SpendKind.P2SH
    assert spend.redeem_script == spend.script == redeem
    assert spend.multisig == Multisig(1, (KEY, OTHER_KEY))


def test_p2sh_before_bip16() -> None:
    spend = explain_input(p2sh(bytes(20)), push(b"a preimage") + b"\x61", ())
    assert spend.kind is SpendKind.P2SH
    assert spend.redeem_script is None
    assert spend.arguments == (b"a preimage",)


@pytest.mark.parametrize(("inner", "keys"), [(p2pk(KEY), (KEY,)), (p2pkh(bytes(20)), (KEY,))])
def test_p2sh_of_a_single_key(inner: bytes, keys: tuple[bytes, ...]) -> None:
    spend = explain_input(p2sh(bytes(20)), push(SIGNATURE) + push(KEY) + push(inner), ())
    assert spend.public_keys == keys


def test_p2sh_with_a_small_number() -> None:
    spend = explain_input(p2sh(bytes(20)), b"\x51\x4f" + push(b"\x93"), ())
    assert spend.arguments == (b"\x01", b"\x81")


def test_nested_p2wpkh() -> None:
    redeem = p2wpkh(bytes(20))
    spend = explain_input(p2sh(bytes(20)), push(redeem), (SIGNATURE, KEY))
    assert spend.kind is SpendKind.P2SH_P2WPKH
    assert spend.redeem_script == redeem
    assert spend.public_keys == (KEY,)
    assert len(spend.signatures) == 1


def test_nested_p2wsh() -> None:
    redeem, script = p2wsh(bytes(32)), multisig(1, [KEY])
    spend = explain_input(p2sh(bytes(20)), push(redeem), (b"", SIGNATURE, script))
    assert spend.kind is SpendKind.P2SH_P2WSH
    assert (spend.redeem_script, spend.witness_script) == (redeem, script)
    assert spend.script == script
    assert spend.multisig == Multisig(1, (KEY,))


def test_p2wsh_with_another_script() -> None:
    spend = explain_input(p2wsh(bytes(32)), b"", (SIGNATURE, b"\x01", b"\x51"))
    assert spend.kind is SpendKind.P2WSH
    assert spend.multisig is None
    assert spend.public_keys == ()
    assert spend.arguments == (SIGNATURE, b"\x01")


def test_taproot_key_path_with_annex() -> None:
    spend = explain_input(p2tr(XONLY), b"", (SCHNORR + b"\x83", b"\x50annex"))
    assert spend.kind is SpendKind.P2TR_KEY
    assert spend.annex == b"\x50annex"
    assert [signature.sighash_name for signature in spend.signatures] == ["SINGLE|ANYONECANPAY"]


def test_taproot_multisig_leaf() -> None:
    keys = (XONLY, bytes(32), b"\x01" * 32)
    script = push(keys[0]) + b"\xac" + push(keys[1]) + b"\xba" + push(keys[2]) + b"\xba\x52\x9c"
    control = b"\xc1" + XONLY + bytes(64)
    witness = (b"", SCHNORR, SCHNORR, script, control, b"\x50")
    spend = explain_input(p2tr(XONLY), b"", witness)
    assert spend.multisig == Multisig(2, keys)
    assert [signature.sighash_name for signature in spend.signatures] == ["DEFAULT", "DEFAULT"]
    assert spend.annex == b"\x50"
    assert spend.control_block is not None
    assert spend.control_block.parity == 1
    assert spend.control_block.merkle_path == (bytes(32), bytes(32))


@pytest.mark.parametrize(
    "control", [b"", b"\xc0" + bytes(31), b"\xc0" + bytes(33), bytes(33 + 32 * 129)]
)
def test_malformed_control_block(control: bytes) -> None:
    spend = explain_input(p2tr(XONLY), b"", (b"\x51", control))
    assert spend.kind is SpendKind.P2TR_SCRIPT
    assert spend.control_block is None


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (p2a(), SpendKind.P2A),
        (b"\x58\x20" + bytes(32), SpendKind.MWEB),
        (b"\x59\x20" + bytes(32), SpendKind.MWEB),
        (witness_script_pubkey(5, bytes(32)), SpendKind.WITNESS_UNKNOWN),
        (witness_script_pubkey(0, bytes(5)), SpendKind.NONSTANDARD),
        (b"\x51", SpendKind.NONSTANDARD),
        (b"", SpendKind.NONSTANDARD),
    ],
)
def test_other_kinds(script: bytes, kind: SpendKind) -> None:
    assert explain_input(script, b"", ()) == Spend(kind)


@pytest.mark.parametrize(
    ("sighash", "name"),
    [
        (0, "DEFAULT"),
        (1, "ALL"),
        (2, "NONE"),
        (3, "SINGLE"),
        (0x81, "ALL|ANYONECANPAY"),
        (0x80, "0x80"),
        (0x41, "0x41"),
    ],
)
def test_sighash_names(sighash: int, name: str) -> None:
    assert Signature(b"", sighash, is_schnorr=False).sighash_name == name


prevouts = st.sampled_from(
    [p2pk(KEY), p2pkh(XONLY[:20]), p2sh(XONLY[:20]), p2wpkh(XONLY[:20]), p2wsh(XONLY), p2tr(XONLY)]
)
items = st.one_of(st.binary(max_size=70), st.just(SIGNATURE), st.just(KEY), st.just(SCHNORR))


@given(st.one_of(prevouts, st.binary(max_size=60)), st.binary(max_size=80), st.lists(items))
def test_anything_can_be_explained(script: bytes, script_sig: bytes, witness: list[bytes]) -> None:
    assert explain_input(script, script_sig, witness).kind in SpendKind
