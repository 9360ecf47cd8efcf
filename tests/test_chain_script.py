"""Scripts: templates, asm as Core writes it, numbers, pushes and what is behind OP_RETURN."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.encoding import EncodingError, parse_block
from indexer.chain.network import get_network
from indexer.chain.opcodes import opcode_name
from indexer.chain.script import (
    CutPushError,
    ScriptType,
    asm,
    classify,
    coinbase_height,
    decode_number,
    dust_limit,
    encode_number,
    is_push_only,
    is_unspendable,
    multisig,
    multisig_parts,
    op_return,
    op_return_data,
    operations,
    p2a,
    p2pk,
    p2pkh,
    p2sh,
    p2tr,
    p2wpkh,
    p2wsh,
    public_key_of,
    push,
    push_number,
    witness_program,
    witness_script_pubkey,
)
from tests.chain_files import BLOCK_FILES, network_of

BITCOIN = get_network("bitcoin-main")
LITECOIN = get_network("litecoin-main")
DOGECOIN = get_network("dogecoin-main")
KEY = b"\x02" + bytes(range(32))
LONG_KEY = b"\x04" + bytes(range(64))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"", "empty"),
        (p2pk(KEY), "p2pk"),
        (p2pk(LONG_KEY), "p2pk"),
        (p2pkh(bytes(20)), "p2pkh"),
        (p2pkh(b"\n" * 20), "p2pkh"),
        (p2sh(bytes(20)), "p2sh"),
        (multisig(1, [KEY]), "multisig"),
        (multisig(2, [KEY, LONG_KEY, KEY]), "multisig"),
        (multisig(3, [KEY] * 20), "multisig"),
        (p2wpkh(bytes(20)), "p2wpkh"),
        (p2wsh(bytes(32)), "p2wsh"),
        (p2tr(bytes(32)), "p2tr"),
        (p2a(), "p2a"),
        (op_return(b"text"), "op_return"),
        (b"\x6a", "op_return"),
        (b"\x6a\x4c", "op_return"),
        (b"\x6a\xac\n", "op_return"),
        (witness_script_pubkey(0, bytes(21)), "nonstandard"),
        (witness_script_pubkey(1, bytes(20)), "witness_unknown"),
        (witness_script_pubkey(16, bytes(2)), "witness_unknown"),
        (b"\x59\x20" + bytes(32), "mweb_pegin"),
        (b"\x58\x20" + bytes(32), "mweb_hogaddr"),
        (b"\x58\x10" + bytes(16), "witness_unknown"),
        (p2pkh(bytes(20)) + b"\x61", "nonstandard"),
        (p2pk(KEY)[:-1] + b"\xad", "nonstandard"),
        (p2pk(b"\x05" + bytes(32)), "nonstandard"),
        (b"\x51" + push(KEY) + b"\x52\xae", "nonstandard"),
        (b"\x52" + push(KEY) + b"\x51\xae", "nonstandard"),
        (b"\x51" + push(b"\x09" + bytes(32)) + b"\x51\xae", "nonstandard"),
        (b"\x51" + push(KEY) + b"\x51\x01\xae", "nonstandard"),
        (b"\x00\xae", "nonstandard"),
    ],
)
def test_classify(script: bytes, expected: str) -> None:
    assert classify(script) == expected


def test_classify_on_a_network() -> None:
    pegin, hogaddr = b"\x59\x20" + bytes(32), b"\x58\x20" + bytes(32)
    assert classify(pegin, LITECOIN) is ScriptType.MWEB_PEGIN
    assert classify(hogaddr, LITECOIN) is ScriptType.MWEB_HOGADDR
    assert classify(pegin, BITCOIN) is ScriptType.WITNESS_UNKNOWN
    assert classify(hogaddr, BITCOIN) is ScriptType.WITNESS_UNKNOWN
    assert classify(p2wpkh(bytes(20)), DOGECOIN) is ScriptType.NONSTANDARD
    assert classify(p2pkh(bytes(20)), DOGECOIN) is ScriptType.P2PKH


def test_types_in_a_real_block() -> None:
    file = next(file for file in BLOCK_FILES if "702861" in file.name)
    block = parse_block(file.read_bytes(), network_of(file))
    types = Counter(
        classify(out.script, BITCOIN) for tx in block.transactions for out in tx.outputs
    )
    assert types == {
        ScriptType.P2WPKH: 2383,
        ScriptType.P2SH: 1816,
        ScriptType.P2PKH: 1660,
        ScriptType.P2WSH: 133,
        ScriptType.OP_RETURN: 23,
    }


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", ""),
        (
            "76a914" + "11" * 20 + "88ac",
            f"OP_DUP OP_HASH160 {'11' * 20} OP_EQUALVERIFY OP_CHECKSIG",
        ),
        ("5121" + "02" * 33 + "51ae", f"1 {'02' * 33} 1 OP_CHECKMULTISIG"),
        ("0014" + "22" * 20, f"0 {'22' * 20}"),
        ("5120" + "33" * 32, f"1 {'33' * 32}"),
        ("4f", "-1"),
        ("6004ffff001d0104", "16 486604799 4"),
        ("0185", "-5"),
        ("0480000080", "-128"),
        ("050000000001", "0000000001"),
        ("6a4c", "OP_RETURN [error]"),
        ("6a04abcd", "OP_RETURN [error]"),
        ("63b27568b1", "OP_IF OP_CHECKSEQUENCEVERIFY OP_DROP OP_ENDIF OP_CHECKLOCKTIMEVERIFY"),
        ("ba50bbff", "OP_CHECKSIGADD OP_RESERVED OP_UNKNOWN OP_INVALIDOPCODE"),
        ("4d0300616263", "6513249"),
    ],
)
def test_asm(script: str, expected: str) -> None:
    assert asm(bytes.fromhex(script)) == expected


def test_opcode_names_at_the_seams() -> None:
    names = {
        0x60: "16",
        0x61: "OP_NOP",
        0x7D: "OP_TUCK",
        0x96: "OP_DIV",
        0xAF: "OP_CHECKMULTISIGVERIFY",
    }
    assert {opcode: opcode_name(opcode) for opcode in names} == names
    assert opcode_name(0xB9) == "OP_NOP10"
    assert opcode_name(0xBB) == "OP_UNKNOWN"


@given(st.binary(max_size=600))
def test_push_is_one_operation(data: bytes) -> None:
    ((opcode, pushed),) = operations(push(data))
    if pushed is None:
        assert encode_number(opcode - 0x50) == data
    else:
        assert pushed == data
    assert is_push_only(push(data))


def test_push_of_more_than_64_kilobytes() -> None:
    data = bytes(70_000)
    assert [pushed for _, pushed in operations(push(data))] == [data]


@given(st.integers(-(2**39), 2**39))
def test_number_round_trip(number: int) -> None:
    assert decode_number(encode_number(number)) == number


@pytest.mark.parametrize(
    ("number", "data"),
    [(0, ""), (1, "01"), (-1, "81"), (127, "7f"), (128, "8000"), (-128, "8080"), (-255, "ff80")],
)
def test_number_encoding(number: int, data: str) -> None:
    assert encode_number(number).hex() == data


@given(st.binary(max_size=200))
def test_any_bytes_are_a_script(script: bytes) -> None:
    assert classify(script) in ScriptType
    assert isinstance(asm(script), str)
    assert isinstance(coinbase_height(script), int | None)
    assert all(isinstance(data, bytes) for data in op_return_data(script))
    try:
        list(operations(script))
    except CutPushError as error:
        assert script.endswith(error.rest)  # noqa: PT017
        assert asm(script).endswith("[error]")
    assert classify(b"\x6a" + script) is ScriptType.OP_RETURN


@given(st.lists(st.binary(max_size=90), max_size=4))
def test_op_return_round_trip(pushes: list[bytes]) -> None:
    assert op_return_data(op_return(*pushes)) == pushes


def test_op_return_with_a_cut_push() -> None:
    assert op_return_data(b"\x6a\x02ab\x09rest") == [b"ab", b"rest"]
    assert op_return_data(b"\x6a\x4c") == [b""]
    assert op_return_data(b"\x6a") == []
    assert op_return_data(b"\x6a\x5d\x03abc") == [b"abc"]  # OP_13, as runes have it


def test_cut_push_is_an_encoding_error() -> None:
    with pytest.raises(EncodingError, match="push of 5 bytes in a script that ends after 2"):
        list(operations(b"\x05ab"))


def test_multisig_round_trip() -> None:
    keys = [KEY, LONG_KEY, b"\x03" + bytes(32)]
    assert multisig_parts(multisig(2, keys)) == (2, keys)
    assert multisig_parts(multisig(17, [KEY] * 18)) == (17, [KEY] * 18)
    assert multisig_parts(p2pkh(bytes(20))) is None
    with pytest.raises(ValueError, match="3 of 2 keys"):
        multisig(3, keys[:2])


def test_public_key_of() -> None:
    assert public_key_of(p2pk(KEY)) == KEY
    assert public_key_of(p2pk(LONG_KEY)) == LONG_KEY
    assert public_key_of(p2pkh(bytes(20))) is None


def test_witness_program() -> None:
    assert witness_program(p2wpkh(bytes(20))) == (0, bytes(20))
    assert witness_program(p2a()) == (1, b"\x4e\x73")
    assert witness_program(b"\x00\x01a") is None
    assert witness_program(b"\x00" + push(bytes(41))) is None
    assert witness_program(p2pkh(bytes(20))) is None


@pytest.mark.parametrize("build", [p2pkh, p2sh, p2wpkh, p2wsh, p2tr])
def test_builders_check_sizes(build: object) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match="bytes expected, 19 given"):
        build(bytes(19))


def test_builder_of_witness_programs_checks() -> None:
    with pytest.raises(ValueError, match="version 17"):
        witness_script_pubkey(17, bytes(20))
    with pytest.raises(ValueError, match="41 bytes"):
        witness_script_pubkey(1, bytes(41))


def test_unspendable() -> None:
    assert is_unspendable(b"\x6a")
    assert is_unspendable(bytes(10_001))
    assert not is_unspendable(bytes(10_000))
    assert not is_unspendable(b"")


@pytest.mark.parametrize(
    ("script_sig", "height"),
    [
        (push_number(700_000) + b"/pool/", 700_000),
        (push_number(16), 16),
        (push_number(17), 17),
        (b"\x00", 0),
        (b"", None),
        (b"\x03ab", None),
        (b"\x01\x81", None),
        (b"\x09" + bytes(9), None),
        (b"\xac", None),
    ],
)
def test_coinbase_height(script_sig: bytes, height: int | None) -> None:
    assert coinbase_height(script_sig) == height


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        (p2pkh(bytes(20)), 546),
        (p2sh(bytes(20)), 540),
        (p2wpkh(bytes(20)), 294),
        (p2wsh(bytes(32)), 330),
        (p2tr(bytes(32)), 330),
        (p2a(), 240),
        (op_return(b"text"), 0),
    ],
)
def test_dust_limit_is_cores(script: bytes, limit: int) -> None:
    assert dust_limit(script, BITCOIN) == limit
    assert dust_limit(script, LITECOIN) == 10 * limit
    assert dust_limit(script, DOGECOIN) == (1_000_000 if limit else 0)
