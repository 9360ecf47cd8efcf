"""The demo's history holds what a reader should see, all of it judged by Core's engine."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event

import pytest

from indexer.chain.encoding import Block, Transaction, TxOutput, parse_block
from indexer.chain.script import ScriptType, classify, multisig_parts, op_return_data
from indexer.chain.spend import SpendKind, explain_input
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_demo import WrittenHistory
from webapp.demo import texts
from webapp.demo.cast import CAST, HOSPICE
from webapp.demo.economy import Economy
from webapp.demo.history import HISTORY_BLOCKS, REORG_HEIGHT


@dataclass
class History:
    node: EmbeddedNode
    economy: Economy
    blocks: list[Block]

    @property
    def transactions(self) -> list[Transaction]:
        """All but the coinbases."""
        return [tx for block in self.blocks for tx in block.transactions[1:]]

    @cached_property
    def outputs(self) -> dict[tuple[bytes, int], TxOutput]:
        return {
            (tx.txid, vout): output
            for block in self.blocks
            for tx in block.transactions
            for vout, output in enumerate(tx.outputs)
        }


@pytest.fixture(scope="module")
def history(
    demo_history: WrittenHistory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    directory = tmp_path_factory.mktemp("history") / "node"
    shutil.copytree(demo_history.directory, directory)
    node = EmbeddedNode(directory)
    economy = Economy(node)
    economy.resume()
    hashes = [node.block_hash(height) for height in range(1, node.tip().height + 1)]
    blocks = [parse_block(node.block(block_hash), node.network) for block_hash in hashes]
    yield History(node, economy, blocks)
    node.close()


def test_blocks_span_several_days_up_to_now(history: History, demo_history: WrittenHistory) -> None:
    times = [block.header.time for block in history.blocks]
    assert times[-1] == demo_history.written_at
    assert 4 * 86_400 < times[-1] - times[0] < 8 * 86_400
    assert times == sorted(times)
    assert len(times) >= 300
    steps = [(done, HISTORY_BLOCKS) for done in range(1, HISTORY_BLOCKS + 1)]
    assert demo_history.progress == steps


def test_every_kind_of_output_is_there_and_spent(history: History) -> None:
    outputs = history.outputs
    made = Counter(classify(output.script) for output in outputs.values())
    spent: Counter[SpendKind] = Counter()
    for tx in history.transactions:
        for each in tx.inputs:
            prevout = outputs[each.prev_txid, each.prev_vout].script
            spent[explain_input(prevout, each.script_sig, each.witness).kind] += 1
    for kind in ("P2PK", "P2PKH", "MULTISIG", "P2SH", "P2WPKH", "P2WSH", "P2TR", "OP_RETURN"):
        assert made[ScriptType[kind]] >= 5, kind
    for kind in (
        "P2PK",
        "P2PKH",
        "MULTISIG",
        "P2SH",
        "P2SH_P2WPKH",
        "P2WPKH",
        "P2WSH",
        "P2TR_KEY",
        "P2TR_SCRIPT",
    ):
        assert spent[SpendKind[kind]] >= 2, kind


def test_scripts_with_several_signers_and_locks(history: History) -> None:
    outputs = history.outputs
    multisigs: set[tuple[int, int]] = set()
    witness_scripts: list[bytes] = []
    for tx in history.transactions:
        for each in tx.inputs:
            prevout = outputs[each.prev_txid, each.prev_vout].script
            told = explain_input(prevout, each.script_sig, each.witness)
            for script in (prevout, told.redeem_script, told.witness_script):
                parts = multisig_parts(script) if script else None
                if parts is not None:
                    multisigs.add((parts[0], len(parts[1])))
            if told.witness_script:
                witness_scripts.append(told.witness_script)
    assert {(1, 2), (2, 3), (3, 5)} <= multisigs
    assert any(b"\xb1\x75" in script for script in witness_scripts)  # CHECKLOCKTIMEVERIFY DROP
    assert any(b"\xb2\x75" in script for script in witness_scripts)  # CHECKSEQUENCEVERIFY DROP


def test_timelocks_fee_bumps_and_shapes(history: History) -> None:
    txs = history.transactions
    assert any(0 < tx.locktime < 500_000_000 for tx in txs)
    assert any(tx.locktime >= 500_000_000 for tx in txs)
    sequences = {each.sequence for tx in txs for each in tx.inputs}
    assert 0xFFFFFFFD in sequences  # replaceable
    assert 0xFFFFFFFE in sequences
    assert 5 in sequences  # blocks to wait
    assert 1 << 22 | 2 in sequences  # time to wait
    assert sum(len(tx.outputs) >= 50 for tx in txs) >= 10
    assert sum(len(tx.inputs) >= 20 and len(tx.outputs) == 1 for tx in txs) >= 5


def test_children_pay_for_parents(history: History) -> None:
    outputs = history.outputs
    lifted = 0
    for block in history.blocks:
        rates = {}
        for tx in block.transactions[1:]:
            given = sum(outputs[each.prev_txid, each.prev_vout].value for each in tx.inputs)
            fee = given - sum(output.value for output in tx.outputs)
            rates[tx.txid] = fee / tx.vsize
            for each in tx.inputs:
                lifted += rates.get(each.prev_txid, 10) < 1.5 and rates[tx.txid] > 5
    assert lifted >= 5


def test_notes_are_there_hostile_ones_too(history: History) -> None:
    notes = {
        data
        for output in history.outputs.values()
        if classify(output.script) is ScriptType.OP_RETURN
        for data in op_return_data(output.script)
    }
    for text in (*texts.NOTES, *texts.HOSTILE_NOTES, texts.LONG_NOTE):
        assert text.encode() in notes
    assert texts.BINARY_NOTE in notes
    coinbases = [block.transactions[0].inputs[0].script_sig for block in history.blocks]
    assert sum(texts.HOSTILE_COINBASE_TEXT.encode() in script for script in coinbases) >= 2
    for text in texts.COINBASE_TEXTS:
        assert any(text.encode() in script for script in coinbases), text


def test_one_address_is_busy(history: History) -> None:
    busy = history.economy.purses[HOSPICE].receive.script_at(0)
    outputs = history.outputs
    touching = sum(
        any(output.script == busy for output in tx.outputs)
        or any(outputs[each.prev_txid, each.prev_vout].script == busy for each in tx.inputs)
        for tx in history.transactions
    )
    assert touching > 1_000


def test_a_reorganisation_left_stale_blocks(history: History, demo_history: WrittenHistory) -> None:
    changed = [
        height
        for height, first in demo_history.first_hashes.items()
        if history.node.block_hash(height) != first
    ]
    assert changed == [REORG_HEIGHT - 1]
    stale = parse_block(
        history.node.block(demo_history.first_hashes[REORG_HEIGHT - 1]), history.node.network
    )
    confirmed = {tx.txid for tx in history.transactions}
    assert len(stale.transactions) > 1
    assert {tx.txid for tx in stale.transactions[1:]} <= confirmed


def test_everybody_has_coins_and_the_ledger_is_the_chain_s(history: History) -> None:
    spent = {(e.prev_txid, e.prev_vout) for tx in history.transactions for e in tx.inputs}
    left = {
        outpoint: output.value
        for outpoint, output in history.outputs.items()
        if outpoint not in spent and classify(output.script) is not ScriptType.OP_RETURN
    }
    held = {outpoint: coin.value for outpoint, coin in history.economy.ledger.coins.items()}
    assert held == left
    for member in CAST:
        purse = history.economy.purses[member]
        assert purse.balance > 10**9, member.name
        assert len(history.economy.spendable(purse)) > 10, member.name


def test_the_same_seed_writes_the_same_beginning(
    history: History, demo_history: WrittenHistory, tmp_path: Path
) -> None:
    node = EmbeddedNode(tmp_path)
    stop = Event()
    Economy(node).write_history(
        progress=lambda done, _total: stop.set() if done == 115 else None,
        stop=stop,
        now=demo_history.written_at,
    )
    tip = node.tip()
    node.close()
    assert tip.height == 115
    assert tip.hash == history.node.block_hash(115)
