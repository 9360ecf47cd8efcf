"""Encoding round trips, and what hostile bytes can do to the parsers: raise EncodingError."""

import random
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.encoding import (
    Block,
    BlockHeader,
    EncodingError,
    Reader,
    Transaction,
    TxInput,
    TxOutput,
    encode_varint,
    hash_from_hex,
    hash_hex,
    parse_auxpow,
    parse_block,
    parse_header,
    parse_spent_outputs,
    parse_transaction,
)
from indexer.chain.network import get_network
from tests.chain_files import BLOCK_FILES, CHAINDATA, network_of

BITCOIN = get_network("bitcoin-main")
LITECOIN = get_network("litecoin-testnet")
DOGECOIN = get_network("dogecoin-main")

uint32 = st.integers(0, 0xFFFFFFFF)
hashes = st.binary(min_size=32, max_size=32)
witnesses = st.lists(st.binary(max_size=80), max_size=4).map(tuple)
inputs = st.builds(TxInput, hashes, uint32, st.binary(max_size=300), uint32, witnesses)
outputs = st.builds(TxOutput, st.integers(-(2**63), 2**63 - 1), st.binary(max_size=300))
transactions = st.builds(
    Transaction,
    uint32,
    st.lists(inputs, min_size=1, max_size=4),
    st.lists(outputs, max_size=4),
    uint32,
)
headers = st.builds(
    BlockHeader,
    st.integers(-(2**31), 2**31 - 1),
    hashes,
    hashes,
    uint32,
    uint32,
    uint32,
    st.just(b""),
)


def fields(transaction: Transaction) -> tuple[object, ...]:
    return (
        transaction.version,
        transaction.inputs,
        transaction.outputs,
        transaction.locktime,
        transaction.mweb,
    )


@given(transactions)
def test_transaction_round_trip(transaction: Transaction) -> None:
    raw = transaction.serialize()
    parsed = parse_transaction(raw, BITCOIN)
    assert fields(parsed) == fields(transaction)
    assert parsed.serialize() == raw
    assert parsed.serialize_stripped() == transaction.serialize_stripped()
    assert (parsed.txid, parsed.wtxid) == (transaction.txid, transaction.wtxid)
    assert (parsed.size, parsed.weight, parsed.vsize) == (
        transaction.size,
        transaction.weight,
        transaction.vsize,
    )
    assert transaction.has_witness or transaction.txid == transaction.wtxid


@given(transactions, st.binary(min_size=1, max_size=60))
def test_relayed_mweb_round_trip(plain: Transaction, data: bytes) -> None:
    relayed = Transaction(
        plain.version, plain.inputs, plain.outputs, plain.locktime, b"\x01" + data
    )
    parsed = parse_transaction(relayed.serialize(), LITECOIN)
    assert fields(parsed) == fields(relayed)
    assert (parsed.txid, parsed.wtxid) == (plain.txid, plain.wtxid)
    assert parsed.serialize_canonical() == plain.serialize()


@given(headers, st.lists(transactions, min_size=1, max_size=3))
def test_block_round_trip(header: BlockHeader, contents: list[Transaction]) -> None:
    block = Block(header, contents)
    raw = block.serialize()
    parsed = parse_block(raw, BITCOIN)
    assert parsed.header == header
    assert [fields(tx) for tx in parsed.transactions] == [fields(tx) for tx in contents]
    assert parsed.serialize() == raw
    assert parsed.size == block.size == len(raw)
    assert parsed.weight == block.weight


@given(headers)
def test_header_round_trip(header: BlockHeader) -> None:
    assert parse_header(header.serialize()) == header


def test_a_change_gives_another_transaction() -> None:
    raw = (CHAINDATA / "blocks" / "btc_mainnet_1_839a8e68.raw").read_bytes()
    coinbase = parse_block(raw, BITCOIN).transactions[0]
    signed = Transaction(
        coinbase.version,
        [coinbase.inputs[0]._replace(witness=(bytes(32),))],
        coinbase.outputs,
        coinbase.locktime,
    )
    assert signed.txid == coinbase.txid
    assert signed.wtxid != coinbase.wtxid
    assert signed != coinbase


@given(st.integers(0, 2**64 - 1))
def test_varint_round_trip(number: int) -> None:
    reader = Reader(encode_varint(number))
    assert reader.varint() == number
    reader.end()


@pytest.mark.parametrize(
    "unusual",
    ["fd0000", "fdfc00", "fe00000000", "feffff0000", "ff0000000000000000", "ffffffffff00000000"],
)
def test_varint_must_be_shortest(unusual: str) -> None:
    with pytest.raises(EncodingError, match="not the shortest form"):
        Reader(bytes.fromhex(unusual)).varint()


@given(st.binary(max_size=20), st.integers(0, 40))
def test_reader_never_reads_past_the_end(data: bytes, size: int) -> None:
    reader = Reader(data)
    if size <= len(data):
        assert reader.take(size) == data[:size]
        assert reader.remaining == len(data) - size
    else:
        with pytest.raises(EncodingError, match=f"{size} bytes expected, {len(data)} left"):
            reader.take(size)


def test_reader_names_what_is_missing() -> None:
    with pytest.raises(EncodingError, match="script: 5 bytes expected, 1 left"):
        Reader(b"\x05a").var_bytes("script")
    with pytest.raises(EncodingError, match="inputs: 200 do not fit into 3 bytes"):
        Reader(b"\xc8abc").count(41, "inputs")
    with pytest.raises(EncodingError, match="2 bytes follow the end of the proof"):
        Reader(b"ab").end("proof")


@given(hashes)
def test_hash_for_people_round_trip(hash_: bytes) -> None:
    assert hash_from_hex(hash_hex(hash_)) == hash_
    assert hash_from_hex(hash_hex(hash_).upper()) == hash_


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "0" * 63, " " + "00" * 32, "é"])
def test_hash_of_the_wrong_shape(text: str) -> None:
    with pytest.raises(EncodingError, match="64 hexadecimal digits"):
        hash_from_hex(text)


INPUT = "00" * 36 + "00" + "ffffffff"
OUTPUT = "00" * 8 + "00"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "ends too early"),
        ("01000000", "ends too early"),
        ("01000000" + "01" + INPUT + "01" + OUTPUT + "000000", "ends too early"),
        ("01000000" + "01" + INPUT + "01" + OUTPUT + "0000000000", "1 bytes follow"),
        ("01000000" + "02" + INPUT + "01" + OUTPUT + "00000000", "count of 2 does not fit"),
        ("01000000" + "01" + INPUT + "fd0100" + OUTPUT + "00000000", "not the shortest"),
        ("01000000" + "01" + INPUT + "01" + "00" * 8 + "09" + "00000000", "script of 9 bytes"),
        ("01000000" + "0001" + "01" + INPUT + "00" + "00" + "00000000", "no witness"),
        ("01000000" + "0002" + "01" + INPUT + "00" + "00" + "00000000", "unknown flag 2"),
        ("01000000" + "0001" + "01" + INPUT + "00" + "0105" + "00000000", "item of 5 bytes"),
        ("01000000" + "0001" + "01" + INPUT + "00" + "20" + "00000000", "count of 32"),
        ("01000000" + "0008" + "01" + INPUT + "00" + "00" + "00000000", "no outputs"),
        ("01000000" + "0008" + "01" + INPUT + "00" + "02" + "00000000", "starts with 00 or 01"),
        ("01000000" + "0008" + "01" + INPUT + "00" + "01" + "00000000", "is empty"),
    ],
)
def test_malformed_transaction(raw: str, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        parse_transaction(bytes.fromhex(raw), LITECOIN)


def test_mweb_data_has_no_place_in_a_block() -> None:
    header = BlockHeader(1, bytes(32), bytes(32), 0, 0, 0)
    relayed = Transaction(1, [TxInput(bytes(32), 0, b"", 0)], [TxOutput(1, b"")], 0, b"\x01data")
    with pytest.raises(EncodingError, match="carries MWEB data"):
        parse_block(Block(header, [relayed]).serialize(), LITECOIN)


def test_outpoint_by_hand_needs_a_whole_txid() -> None:
    with pytest.raises(EncodingError, match="32 bytes"):
        Transaction(1, [TxInput(b"short", 0, b"", 0)], []).serialize()


@pytest.mark.parametrize("count", ["fdffff", "feffffffff", "ffffffffffffffffff"])
def test_huge_counts_are_refused_at_once(count: str) -> None:
    header = bytes(80)
    claims = [
        header + bytes.fromhex(count) + bytes(1000),
        header + bytes.fromhex("01" + "01000000" + count) + bytes(1000),
        header + bytes.fromhex("01" + "01000000" + "01" + INPUT + count) + bytes(1000),
        header
        + bytes.fromhex("01" + "01000000" + "0001" + "01" + INPUT + "00" + count)
        + bytes(1000),
    ]
    tracemalloc.start()
    for raw in claims:
        with pytest.raises(EncodingError, match=r"does not fit|ends too early"):
            parse_block(raw, BITCOIN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


Parser = Callable[[bytes], object]


def samples() -> Iterable[tuple[str, Parser, bytes]]:
    """Each parser with real bytes, small enough to be mutated thousands of times."""
    for file in BLOCK_FILES:
        raw = file.read_bytes()
        if len(raw) < 20_000:
            yield file.stem, partial(parse_block, network=network_of(file)), raw
    for path in sorted((CHAINDATA / "txs").glob("*.dat")):
        yield path.stem[-20:], partial(parse_transaction, network=LITECOIN), path.read_bytes()
    auxpow_file = CHAINDATA / "blocks" / "doge_mainnet_748634_bd98a063.raw"
    auxpow = parse_block(auxpow_file.read_bytes(), DOGECOIN).header.auxpow
    yield "auxpow", parse_auxpow, auxpow
    block_file = CHAINDATA / "blocks" / "btc_mainnet_300025_821c4e0a.raw"
    block = parse_block(block_file.read_bytes(), BITCOIN)
    few = Block(block.header, block.transactions[:20])
    count = sum(len(tx.inputs) for tx in few.transactions[1:])
    spent = (CHAINDATA / "undo" / "btc_mainnet_300025.outputs.raw").read_bytes()
    yield "spent", lambda raw: parse_spent_outputs(raw, few), spent[: count * 34]


def mutate(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice((0, 1, 0xFC, 0xFD, 0xFE, 0xFF))
            case 2:
                del data[at : at + chance.randrange(1, 40)]
            case 3:
                data[at:at] = chance.randbytes(chance.randrange(1, 20))
            case 4:
                del data[at:]
            case _:
                other = chance.randrange(len(data))
                data[at : at + 9] = data[other : other + 9]
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize(
    ("parse", "raw"), [pytest.param(p, r, id=name) for name, p, r in samples()]
)
def test_mutated_bytes_parse_or_raise_encoding_error(parse: Parser, raw: bytes) -> None:
    chance = random.Random(raw)
    refused = 0
    for _ in range(400):
        mutant = mutate(raw, chance)
        try:
            parsed = parse(mutant)
        except EncodingError:
            refused += 1
            continue
        if isinstance(parsed, Block | Transaction):
            assert parsed.serialize() == mutant
    assert refused
