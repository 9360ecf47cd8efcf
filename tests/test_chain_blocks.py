"""Real blocks of every chain parse to what they are and serialise back byte for byte."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.chain.encoding import (
    Block,
    EncodingError,
    Transaction,
    TxInput,
    TxOutput,
    hash_hex,
    parse_auxpow,
    parse_block,
    parse_header,
    parse_spent_outputs,
    parse_transaction,
)
from indexer.chain.merkle import (
    expected_witness_commitment,
    fold,
    merkle_root,
    witness_commitment,
)
from indexer.chain.network import get_network
from indexer.chain.script import ScriptType, classify, coinbase_height
from tests.chain_files import (
    BLOCK_FILES,
    CHAINDATA,
    chain_blocks,
    manifest,
    network_of,
)

LITECOIN_TESTNET = get_network("litecoin-testnet")


@pytest.fixture(params=BLOCK_FILES, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def load(name: str) -> Block:
    path = next((CHAINDATA / "blocks").glob(f"{name}_*.raw"))
    return parse_block(path.read_bytes(), network_of(path))


def by_hand(block: Block) -> Block:
    """The same block, from its fields alone, without any bytes kept from parsing."""
    transactions = [
        Transaction(
            version=transaction.version,
            inputs=[TxInput(*tx_input) for tx_input in transaction.inputs],
            outputs=[TxOutput(*output) for output in transaction.outputs],
            locktime=transaction.locktime,
            mweb=transaction.mweb,
        )
        for transaction in block.transactions
    ]
    return Block(block.header, transactions, block.extension)


def test_every_listed_block_is_there() -> None:
    assert {file.name for file in BLOCK_FILES} == set(manifest())


def test_block_is_what_the_manifest_says(file: Path) -> None:
    facts = manifest()[file.name]
    block = parse_block(file.read_bytes(), network_of(file))
    spending = [tx for tx in block.transactions if not tx.is_coinbase]
    assert hash_hex(block.hash) == facts.hash
    assert len(block.transactions) == facts.tx_count
    assert sum(len(tx.inputs) for tx in spending) == facts.input_count
    assert sum(len(tx.outputs) for tx in block.transactions) == facts.output_count
    assert sum(tx.has_witness for tx in block.transactions) == facts.segwit_count
    assert bool(block.header.auxpow) == facts.has_auxpow
    assert len(block.extension) == facts.extension_size
    assert block.size == facts.size


def test_block_serialises_back(file: Path) -> None:
    raw = file.read_bytes()
    block = parse_block(raw, network_of(file))
    assert block.serialize() == raw
    rebuilt = by_hand(block)
    assert rebuilt.serialize() == raw
    assert rebuilt.size == block.size == len(raw)
    assert rebuilt.weight == block.weight <= network_of(file).max_block_weight
    for one, other in zip(rebuilt.transactions, block.transactions, strict=True):
        assert (one.txid, one.wtxid) == (other.txid, other.wtxid)
        assert (one.size, one.weight, one.flag) == (other.size, other.weight, other.flag)


def test_block_commits_to_its_transactions(file: Path) -> None:
    block = parse_block(file.read_bytes(), network_of(file))
    assert merkle_root([tx.txid for tx in block.transactions]) == block.header.merkle_root
    commitment = witness_commitment(block)
    if commitment is not None and block.transactions[0].has_witness:
        assert commitment == expected_witness_commitment(block)
    else:
        assert not any(tx.has_witness for tx in block.transactions)


def test_each_transaction_parses_alone(file: Path) -> None:
    network = network_of(file)
    for transaction in parse_block(file.read_bytes(), network).transactions:
        alone = parse_transaction(transaction.serialize(), network)
        assert alone == transaction
        assert alone.txid == transaction.txid


def test_header_meets_its_target(file: Path) -> None:
    raw = file.read_bytes()
    header = parse_header(raw[:80])
    assert header.serialize80() == raw[:80]
    if file.name.startswith("btc"):
        assert int.from_bytes(header.hash, "little") <= header.target
    assert header.difficulty > 0


def test_coinbase_starts_with_the_height(file: Path) -> None:
    facts = manifest()[file.name]
    coinbase = parse_block(file.read_bytes(), network_of(file)).transactions[0]
    assert coinbase.is_coinbase
    if facts.height >= 250_000:  # BIP34 holds on each of these chains by then
        assert coinbase_height(coinbase.inputs[0].script_sig) == facts.height


@pytest.mark.parametrize(
    ("name", "fees", "coinbase"),
    [
        ("btc_mainnet_300025", 7773345, 2507773345),
        ("btc_testnet3_928816", 34138981, 346638981),
        ("btc_testnet3_928828", 8300088, 320800088),
        ("btc_testnet3_928927", 36264990, 348764990),
    ],
)
def test_fees_from_spent_outputs(name: str, fees: int, coinbase: int) -> None:
    block = load(name)
    raw = (CHAINDATA / "undo" / f"{name}.outputs.raw").read_bytes()
    spent = parse_spent_outputs(raw, block)
    assert [len(outputs) for outputs in spent] == [len(tx.inputs) for tx in block.transactions[1:]]
    total = sum(output.value for outputs in spent for output in outputs)
    paid = sum(output.value for tx in block.transactions[1:] for output in tx.outputs)
    assert total - paid == fees
    created = sum(output.value for output in block.transactions[0].outputs)
    assert created == coinbase
    height = next(f.height for n, f in manifest().items() if n.startswith(name))
    assert created - fees == get_network("bitcoin-main").subsidy(height)
    with pytest.raises(EncodingError):
        parse_spent_outputs(raw[:-1], block)
    with pytest.raises(EncodingError, match="1 bytes follow"):
        parse_spent_outputs(raw + b"\0", block)


@pytest.mark.parametrize(
    ("name", "network", "first_height", "count", "transactions"),
    [
        ("btc_mainnet_0-4312.dat", "bitcoin-main", 0, 4313, 4371),
        ("ltc_mainnet_1-256.ltcd.dat", "litecoin-main", 1, 256, 256),
    ],
)
def test_chain_hangs_together(
    name: str, network: str, first_height: int, count: int, transactions: int
) -> None:
    chain = get_network(network)
    blocks = []
    for raw in chain_blocks(CHAINDATA / "chains" / name, chain.magic):
        block = parse_block(raw, chain)
        assert block.serialize() == raw
        assert merkle_root([tx.txid for tx in block.transactions]) == block.header.merkle_root
        blocks.append(block)
    assert len(blocks) == count
    assert sum(len(block.transactions) for block in blocks) == transactions
    genesis_is = blocks[0].hash if first_height == 0 else blocks[0].header.prev_hash
    assert genesis_is == chain.genesis_hash
    assert all(after.header.prev_hash == before.hash for before, after in pairwise(blocks))
    assert blocks[0].transactions[0].outputs[0].value == chain.subsidy(first_height)


@pytest.mark.parametrize("name", ["doge_mainnet_371337", "doge_mainnet_748634"])
def test_auxpow_proves_the_work(name: str) -> None:
    block = load(name)
    proof = parse_auxpow(block.header.auxpow)
    tree = fold(proof.coinbase.txid, proof.coinbase_index, proof.coinbase_branch)
    assert tree.root == proof.parent.merkle_root
    merged = fold(block.hash, proof.chain_index, proof.chain_branch)
    assert merged.root[::-1] in proof.coinbase.inputs[0].script_sig
    with pytest.raises(EncodingError, match="ends too early"):
        parse_auxpow(block.header.auxpow[:-1])
    with pytest.raises(EncodingError, match="follow the end of the AuxPoW"):
        parse_auxpow(block.header.auxpow + b"\0")


@pytest.mark.parametrize("name", ["ltc_testnet4_2215584", "ltc_testnet4_2215586"])
def test_mweb_block_ends_with_a_hogex(name: str) -> None:
    block = load(name)
    *others, hogex = block.transactions
    assert not any(tx.is_hogex for tx in others)
    assert hogex.is_hogex
    assert hogex.flag == 8
    assert not hogex.has_witness
    assert hogex.wtxid == hogex.txid
    assert hogex.weight == 4 * len(hogex.serialize_stripped()) == 4 * (hogex.size - 3)
    assert hogex.serialize()[-5] == 0
    assert block.extension[0] == 1
    network = get_network("litecoin-testnet")
    assert classify(hogex.outputs[0].script, network) is ScriptType.MWEB_HOGADDR
    pegins = [
        (tx.txid, vout)
        for tx in others
        for vout, output in enumerate(tx.outputs)
        if classify(output.script, network) is ScriptType.MWEB_PEGIN
    ]
    spent = [(tx_input.prev_txid, tx_input.prev_vout) for tx_input in hogex.inputs]
    assert spent[-len(pegins) :] == pegins


def test_mweb_block_needs_its_extension() -> None:
    raw = next((CHAINDATA / "blocks").glob("ltc_testnet4_2215584_*.raw")).read_bytes()
    block = parse_block(raw, LITECOIN_TESTNET)
    bare = raw[: -len(block.extension)]
    for broken in (bare, bare + b"\x02", bare + b"\x00\x00"):
        with pytest.raises(EncodingError, match="MWEB extension"):
            parse_block(broken, LITECOIN_TESTNET)
    with pytest.raises(EncodingError, match="unknown flag 8"):
        parse_block(raw, get_network("bitcoin-testnet4"))


RELAYED = "8b8343978dbef95d54da796977e9a254565c0dc9ce54917d9111267547fcde03"


def test_pegin_as_relayed_carries_mweb_data() -> None:
    folder = CHAINDATA / "txs"
    mined = parse_transaction(
        (folder / f"ltc_testnet4_tx{RELAYED}.dat").read_bytes(), LITECOIN_TESTNET
    )
    raw = (folder / f"ltc_testnet4_tx{RELAYED}_mp.dat").read_bytes()
    relayed = parse_transaction(raw, LITECOIN_TESTNET)
    assert hash_hex(mined.txid) == hash_hex(relayed.txid) == RELAYED
    assert mined.wtxid == relayed.wtxid
    assert (mined.flag, relayed.flag) == (1, 9)
    assert relayed.mweb[0] == 1
    assert relayed.serialize() == raw
    assert relayed.serialize_canonical() == mined.serialize()
    assert relayed.weight == mined.weight + 4 * 41  # the input its peg-in will be of the HogEx


def test_hogex_alone() -> None:
    txid = "de22f4de7116b8482a691cc5e552c4212f0ae77e3c8d92c9cb85c29f4dc1f47c"
    raw = (CHAINDATA / "txs" / f"ltc_testnet4_tx{txid}.dat").read_bytes()
    transaction = parse_transaction(raw, LITECOIN_TESTNET)
    assert hash_hex(transaction.txid) == txid
    assert transaction.is_hogex
    assert len(transaction.inputs) > 1
    assert transaction.serialize() == raw


def test_blocks_of_the_bip158_vectors() -> None:
    _, *vectors = json.loads((CHAINDATA / "vectors" / "bip158_testnet-19.json").read_text())
    network = get_network("bitcoin-testnet4")  # testnet3's encoding
    for _, block_hash, raw_hex, *_ in vectors:
        block = parse_block(bytes.fromhex(raw_hex), network)
        assert block.serialize().hex() == raw_hex
        assert hash_hex(block.hash) == block_hash
        assert merkle_root([tx.txid for tx in block.transactions]) == block.header.merkle_root


def test_transaction_of_a_megabyte() -> None:
    raw = (CHAINDATA / "txs" / "btc_megatx.bin").read_bytes()
    transaction = parse_transaction(raw, get_network("bitcoin-main"))
    assert transaction.serialize() == raw
    assert transaction.weight == 4 * len(raw)
    assert (
        hash_hex(transaction.txid)
        == "bb41a757f405890fb0f5856228e23b715702d714d59bf2b1feb70d8b2b4e3e08"
    )
