"""Scripts in Esplora's words: what clients parse, to the letter."""

import pytest

from webapp.api.asm import esplora_asm
from webapp.api.json_shapes import script_type

HASH = "ab" * 20


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", ""),
        ("76a914" + HASH + "88ac",
         f"OP_DUP OP_HASH160 OP_PUSHBYTES_20 {HASH} OP_EQUALVERIFY OP_CHECKSIG"),
        ("0014" + HASH, f"OP_0 OP_PUSHBYTES_20 {HASH}"),
        ("5120" + "cd" * 32, "OP_PUSHNUM_1 OP_PUSHBYTES_32 " + "cd" * 32),
        ("4f5160", "OP_PUSHNUM_NEG1 OP_PUSHNUM_1 OP_PUSHNUM_16"),
        ("b1b2b3ba", "OP_CLTV OP_CSV OP_NOP4 OP_CHECKSIGADD"),
        ("6a4c0100", "OP_RETURN OP_PUSHDATA1 00"),
        ("4d0100ff", "OP_PUSHDATA2 ff"),
        ("4e01000000ff", "OP_PUSHDATA4 ff"),
        ("4c0051", "OP_PUSHDATA1 OP_PUSHNUM_1"),
        ("bbfeff", "OP_RETURN_187 OP_RETURN_254 OP_INVALIDOPCODE"),
        ("01", "OP_PUSHBYTES_1 <push past end>"),
        ("0201", "OP_PUSHBYTES_2 <push past end>"),
        ("4c", "<unexpected end>"),
        ("4d01", "<unexpected end>"),
        ("4c0201", "OP_PUSHDATA1 <push past end>"),
        ("4dffff01", "OP_PUSHDATA2 <push past end>"),
        ("4effffffff01", "OP_PUSHDATA4 <push past end>"),
        ("6a4c", "OP_RETURN<unexpected end>"),
    ],
)  # fmt: skip
def test_words(script: str, words: str) -> None:
    assert esplora_asm(bytes.fromhex(script)) == words


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("", "empty"),
        ("6a", "op_return"),
        ("21" + "02" * 33 + "ac", "p2pk"),
        ("0014" + HASH, "v0_p2wpkh"),
        ("5120" + "cd" * 32, "v1_p2tr"),
        ("51024e73", "unknown"),  # an anchor
        ("5121" + "02" * 33 + "51ae", "unknown"),  # bare multisig
        ("50", "provably_unspendable"),
        ("ff", "provably_unspendable"),
        ("7e", "provably_unspendable"),
        ("61", "unknown"),
    ],
)
def test_types(script: str, name: str) -> None:
    assert script_type(bytes.fromhex(script)) == name
