"""Rows of real blocks, against what is known of these blocks otherwise."""

from pathlib import Path

import pytest

from indexer.chain.encoding import (
    Block,
    Transaction,
    TxInput,
    TxOutput,
    parse_block,
    parse_spent_outputs,
)
from indexer.chain.network import Network, get_network
from indexer.keys import TxFlag
from indexer.sync.recent import RecentOutputs
from indexer.sync.rows import (
    GENESIS_POSITION,
    BlockRows,
    InvalidBlockError,
    Position,
    draft_block,
    finish,
    position_after,
)
from tests.synthetic import SyntheticNode, make_block, make_coinbase

NETWORKS = {
    "btc_mainnet": "bitcoin-main",
    "btc_signet": "bitcoin-signet",
    "btc_testnet3": "bitcoin-testnet4",
    "btc_testnet4": "bitcoin-testnet4",
    "doge_mainnet": "dogecoin-main",
    "ltc_mainnet": "litecoin-main",
    "ltc_testnet4": "litecoin-testnet",
}
# Height: fees, as the coinbase's value less the subsidy gives them.
FEES = {300025: 7_773_345, 928816: 34_138_981, 928828: 8_300_088, 928927: 36_264_990}


def network_of(path: Path) -> Network:
    coin, chain, _ = path.name.split("_", 2)
    return get_network(NETWORKS[f"{coin}_{chain}"])


def position_of(block: Block, height: int) -> Position:
    times = (block.header.time,) * 10
    return Position(height, block.header.prev_hash, times, 500, 1000, 2000, 3000)


def blocks(chaindata: Path) -> list[Path]:
    found = sorted((chaindata / "blocks").glob("*.raw"))
    assert found
    return found


def test_a_block_counts_what_it_holds(chaindata: Path) -> None:
    for path in blocks(chaindata):
        raw = path.read_bytes()
        block = parse_block(raw, network_of(path))
        position = position_of(block, int(path.name.split("_")[2]))
        draft = draft_block(block, raw, position)
        after = position_after(draft)
        assert draft.weight == block.weight, path.name
        assert after.tx_count - 1000 == len(block.transactions)
        assert after.output_count - 2000 == sum(len(each.outputs) for each in block.transactions)
        assert after.input_count - 3000 == sum(len(each.inputs) for each in block.transactions[1:])
        for row, transaction in zip(draft.transactions, block.transactions, strict=True):
            assert row[1] == transaction.txid
            assert row[7:9] == (transaction.size, transaction.weight)
            assert bool(row[9] & TxFlag.SEGWIT) == transaction.has_witness
            assert bool(row[9] & TxFlag.HOGEX) == transaction.is_hogex


def rows_of(path: Path, chaindata: Path) -> BlockRows:
    """With the spent outputs that the test data give."""
    raw = path.read_bytes()
    block = parse_block(raw, network_of(path))
    height = int(path.name.split("_")[2])
    undo = next((chaindata / "undo").glob(f"*_{height}.outputs.raw")).read_bytes()
    spent = [output for each in parse_spent_outputs(undo, block) for output in each]
    draft = draft_block(block, raw, position_of(block, height))
    filled = RecentOutputs().fill(draft)
    by_outpoint = dict(zip(draft.spent, enumerate(output.value for output in spent), strict=True))
    return finish(filled, [by_outpoint[txid, vout] for _, _, txid, vout in filled.missing])


@pytest.mark.parametrize("height", FEES)
def test_fees_are_what_the_miner_took(chaindata: Path, height: int) -> None:
    (path,) = (chaindata / "blocks").glob(f"*_{height}_*.raw")
    rows = rows_of(path, chaindata)
    fees, coinbase_value = rows.block[15], rows.block[14]
    assert fees == FEES[height] == sum(row[6] for row in rows.transactions)
    assert coinbase_value == get_network("bitcoin-main").subsidy(height) + FEES[height]


def test_the_median_time_is_that_of_eleven_blocks() -> None:
    node = SyntheticNode(5)
    node.mine(30, transactions=0)
    chain = node.tip_block.chain()
    position = GENESIS_POSITION
    for height, each in enumerate(chain):
        draft = draft_block(each.block, each.raw, position)
        before = chain[max(0, height - 10) : height + 1]
        times = sorted(block.block.header.time for block in before)
        assert finish(RecentOutputs().fill(draft), []).block[4] == times[len(times) // 2]
        position = position_after(draft)


def test_what_an_honest_node_never_gives() -> None:
    node = SyntheticNode(6)
    node.mine(3)
    parent = node.tip_block
    outputs = [TxOutput(1, b"")]
    coinbase = make_coinbase(b"one", outputs)
    paid = Transaction(1, [TxInput(bytes([1]) * 32, 0, b"", 0)], outputs)
    position = Position(4, parent.hash, (), 10, 10, 10, 10)
    good = make_block(parent, [coinbase, paid, paid], 1)  # the root of three is that of four
    forged = Block(good.block.header, [coinbase, paid, paid, paid])
    cases = {
        "does not follow": make_block(node.blocks[node.path[0]], [coinbase], 1).block,
        "does not start with a coinbase": make_block(parent, [paid], 1).block,
        "that its header commits to": forged,
        "header commits to": Block(good.block.header, [coinbase]),
    }
    for words, block in cases.items():
        with pytest.raises(InvalidBlockError, match=words):
            draft_block(block, block.serialize(), position)
    spendthrift = make_block(parent, [coinbase, paid], 1)
    draft = draft_block(spendthrift.block, spendthrift.raw, position)
    with pytest.raises(InvalidBlockError, match="pays out more than it spends"):
        finish(RecentOutputs().fill(draft), [(5, 0)])
