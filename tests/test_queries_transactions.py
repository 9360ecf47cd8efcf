"""One transaction wherever it is: in the chain, waiting, replaced, in a stale block."""

import pytest

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, parse_block
from indexer.chain.script import p2pkh
from indexer.keys import TxFlag
from indexer.queries.packages import package
from indexer.queries.replacements import timeline
from indexer.queries.transaction_page import (
    NoSuchPartError,
    TransactionPage,
    find_raw,
    transaction_page,
)
from indexer.queries.transaction_parts import PAGE_SIZE
from indexer.queries.transaction_warnings import WarningKind
from indexer.queries.transactions import Status, find_at, find_confirmed
from indexer.raw import RawSource
from tests.fixtures_scripted_index import ScriptedIndex
from tests.scripted_node import COIN, script_of, spend

BURN = b"\x6a\x04gone"


def page_of(
    index: ScriptedIndex, transaction: Transaction, *, first_input: int = 0, first_output: int = 0
) -> TransactionPage:
    with index.database.read() as connection:
        page = transaction_page(
            connection,
            index.raw,
            index.pulse(connection),
            transaction.txid,
            first_input=first_input,
            first_output=first_output,
        )
    assert page is not None
    return page


def pay(prevout: tuple[Transaction, int], *names: str, fee: int = 1_000) -> Transaction:
    """All of an output to these in equal parts."""
    value = (prevout[0].outputs[prevout[1]].value - fee) // len(names)
    return spend([prevout], [(value, script_of(name)) for name in names])


def test_a_confirmed_transaction(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    paid = pay((coinbase, 0), "alice", "bob")
    scripted_index.mine(paid)
    spent = pay((paid, 1), "carol")
    scripted_index.mine(spent)
    waiting = scripted_index.accept(pay((paid, 0), "dave"))
    page = page_of(scripted_index, paid)
    summary = page.summary
    assert summary.status is Status.CONFIRMED
    assert page.confirmations == 2
    assert summary.fee == 1_000
    assert page.input_value == 50 * COIN
    assert summary.vsize == paid.vsize
    assert summary.weight == paid.weight
    assert summary.flags == TxFlag.SEGWIT | TxFlag.REPLACEABLE
    assert page.transaction == paid
    (view,) = page.inputs
    assert (view.spent.prev_txid, view.spent.prev_vout) == (coinbase.txid, 0)
    assert view.spent.value == 50 * COIN
    assert view.spend is not None
    assert view.spend.kind == "p2wpkh"
    pending, confirmed = (each.created.spender for each in page.outputs)
    assert pending is not None
    assert (pending.txid, pending.vin, pending.height) == (waiting.txid, 0, None)
    assert confirmed is not None
    assert (confirmed.txid, confirmed.vin) == (spent.txid, 0)
    assert confirmed.height == (summary.height or 0) + 1


def test_the_merkle_proof_of_every_transaction_of_a_block_holds(
    scripted_index: ScriptedIndex,
) -> None:
    coinbases = [scripted_index.mine() for _ in range(6)]
    block = [pay((each, 0), "alice") for each in coinbases]
    scripted_index.mine(*block)
    for position, transaction in enumerate(block, 1):
        proof = page_of(scripted_index, transaction).proof
        assert proof is not None
        assert proof.verified
        assert proof.position == position
        assert len(proof.fold.steps) == 3
        assert proof.fold.root == scripted_index.node.chain[-1].header.merkle_root


def test_a_coinbase_says_what_it_may_claim(scripted_index: ScriptedIndex) -> None:
    funds = scripted_index.mine()
    block = scripted_index.node.mine(pay((funds, 0), "alice", fee=2_500), fees=2_500)
    scripted_index.sync()
    page = page_of(scripted_index, block.transactions[0])
    assert page.summary.is_coinbase
    assert (page.subsidy, page.block_fees) == (50 * COIN, 2_500)
    assert page.inputs == ()
    assert page.warnings == ()


def test_a_chain_of_replacements_is_told_from_first_to_last(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    versions = [pay((coinbase, 0), "alice", fee=fee) for fee in (200, 400, 900)]
    for each in versions:
        scripted_index.accept(each)
    txids = [each.txid for each in versions]
    for each in versions:
        page = page_of(scripted_index, each)
        assert page.timeline is not None
        assert [version.txid for version in page.timeline.versions] == txids
        assert [version.fee for version in page.timeline.versions] == [200, 400, 900]
        assert [version.replaced_by for version in page.timeline.versions] == [*txids[1:], None]
        assert page.timeline.last == txids[2]
        status = Status.PENDING if each is versions[2] else Status.REPLACED
        assert page.summary.status is status
        assert page.summary.fee == each_fee(each, coinbase)
    scripted_index.mine(versions[2])
    confirmed = page_of(scripted_index, versions[2])
    assert confirmed.summary.status is Status.CONFIRMED
    assert confirmed.timeline is not None
    assert [version.txid for version in confirmed.timeline.versions] == txids
    first = page_of(scripted_index, versions[0])
    assert not first.can_be_spent
    assert first.timeline is not None
    assert [version.txid for version in first.timeline.versions] == txids


def each_fee(transaction: Transaction, coinbase: Transaction) -> int:
    return coinbase.outputs[0].value - sum(output.value for output in transaction.outputs)


def test_a_transaction_alone_has_no_timeline(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    with scripted_index.database.read() as connection:
        assert timeline(connection, coinbase.txid) is None


def test_a_double_spend_in_a_longer_chain_leaves_the_loser_in_a_stale_block(
    scripted_index: ScriptedIndex,
) -> None:
    coinbase = scripted_index.mine()
    loser, winner = pay((coinbase, 0), "alice"), pay((coinbase, 0), "mallory", fee=3_000)
    stale = scripted_index.node.mine(loser)
    scripted_index.sync()
    scripted_index.node.disconnect()
    scripted_index.node.mine(winner)
    scripted_index.node.mine()
    scripted_index.sync()
    lost = page_of(scripted_index, stale.transactions[0])
    assert lost.summary.status is Status.STALE
    assert lost.summary.block_hash == stale.hash
    assert lost.confirmations == 0
    assert lost.proof is None
    page = page_of(scripted_index, loser)
    assert page.summary.status in {Status.STALE, Status.REPLACED}
    assert page.transaction == loser
    with scripted_index.database.read() as connection:
        assert find_raw(connection, scripted_index.raw, loser.txid) == loser.serialize()
        assert (
            transaction_page(
                connection, scripted_index.raw, scripted_index.pulse(connection), bytes(32)
            )
            is None
        )


def test_a_child_that_pays_more_raises_its_parent(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    parent = scripted_index.accept(pay((coinbase, 0), "alice", "bob", fee=150))
    child = scripted_index.accept(pay((parent, 0), "carol", fee=20_000))
    with scripted_index.database.read() as connection:
        raised = package(connection, parent.txid)
        raising = package(connection, child.txid)
        nothing = package(connection, coinbase.txid)
    assert nothing is None
    assert raised is not None
    assert raising is not None
    assert [each.txid for each in raised.descendants] == [child.txid]
    assert [each.txid for each in raising.ancestors] == [parent.txid]
    together = 20_150 / ((parent.weight + child.weight) / 4)
    assert raised.effective_rate == pytest.approx(together)
    assert raising.effective_rate == pytest.approx(together)
    assert raising.ancestor_fee == 20_150
    assert raised.ancestor_fee == 150


def test_a_parent_that_pays_well_is_not_slowed_by_its_child(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    parent = scripted_index.accept(pay((coinbase, 0), "alice", "bob", fee=30_000))
    child = scripted_index.accept(pay((parent, 0), "carol", fee=120))
    grandchild = scripted_index.accept(pay((child, 0), "dave", fee=110))
    with scripted_index.database.read() as connection:
        found = {each.txid: package(connection, each.txid) for each in (parent, child, grandchild)}
    rates = {txid: each.effective_rate for txid, each in found.items() if each}
    assert rates[parent.txid] == pytest.approx(30_000 / (parent.weight / 4))
    assert rates[child.txid] == pytest.approx(120 / (child.weight / 4))
    last = found[grandchild.txid]
    assert last is not None
    assert [each.txid for each in last.ancestors] == [child.txid, parent.txid]


def test_a_transaction_of_thousands_of_parts_is_paged(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    count = 2_500
    value = coinbase.outputs[0].value // count
    fan_out = spend(
        [(coinbase, 0)], [(value - number, script_of(f"user {number}")) for number in range(count)]
    )
    scripted_index.mine(fan_out)
    fan_in = spend([(fan_out, number) for number in range(count)], [(1_000, script_of("vault"))])
    scripted_index.mine(fan_in)
    out_page = page_of(scripted_index, fan_out, first_output=2_460)
    assert [each.created.vout for each in out_page.outputs] == list(range(2_460, 2_500))
    assert out_page.output_slice.next is None
    assert out_page.output_slice.previous == 2_460 - PAGE_SIZE
    for each in out_page.outputs:
        assert each.created.value == value - each.created.vout
        assert each.created.spender is not None
        assert each.created.spender.vin == each.created.vout
    in_page = page_of(scripted_index, fan_in, first_input=120)
    assert [each.spent.prev_vout for each in in_page.inputs] == list(range(120, 120 + PAGE_SIZE))
    assert in_page.input_slice.next == 120 + PAGE_SIZE
    with pytest.raises(NoSuchPartError, match="out=2500: expected a number from 0 to 2499"):
        page_of(scripted_index, fan_out, first_output=2_500)


def test_warnings_point_at_what_is_odd(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine(miner="alice")
    other = scripted_index.mine(miner="alice")
    usual = [pay((scripted_index.mine(), 0), f"user {number}", fee=500) for number in range(5)]
    odd = spend(
        [(coinbase, 0), (other, 0)],
        [
            (100, script_of("bob")),
            (20 * COIN, script_of("alice")),
            (1_000, BURN),
            (30 * COIN, script_of("user 1")),
        ],
    )
    scripted_index.mine(*usual, odd)
    page = page_of(scripted_index, odd)
    found = {warning.kind: warning for warning in page.warnings}
    assert found[WarningKind.OVERPAID_RATE].factor > 1_000
    assert found[WarningKind.DUST].numbers == (0,)
    assert found[WarningKind.BURNT].value == 1_000
    assert found[WarningKind.CHANGE_REUSES_INPUT].numbers == (1,)
    assert found[WarningKind.ADDRESS_REUSE].numbers == (3,)
    assert page_of(scripted_index, usual[0]).warnings == ()


def test_addresses_that_look_alike_are_pointed_at(scripted_index: ScriptedIndex) -> None:
    """Ground as poisoners do: base58 ends with a checksum, so many are tried."""
    coinbase = scripted_index.mine()
    network = scripted_index.node.network
    seen: dict[str, bytes] = {}
    for number in range(100_000):
        script = p2pkh(b"\x11" * 12 + number.to_bytes(8, "big"))
        address = address_of(script, network) or ""
        twin = seen.setdefault(address[-4:], script)
        if twin != script and (address_of(twin, network) or "")[1:5] == address[1:5]:
            break
    paid = spend([(coinbase, 0)], [(COIN, twin), (COIN, script), (47 * COIN, script_of("alice"))])
    scripted_index.mine(paid)
    alike = [each for each in page_of(scripted_index, paid).warnings if each.numbers == (0, 1)]
    assert [each.kind for each in alike] == [WarningKind.LOOKALIKE]


def test_raw_transactions_are_cut_out_of_their_block(scripted_index: ScriptedIndex) -> None:
    coinbases = [scripted_index.mine() for _ in range(4)]
    block = scripted_index.node.mine(*[pay((each, 0), "alice") for each in coinbases])
    scripted_index.sync()
    with scripted_index.database.read() as connection:
        assert scripted_index.raw.block(connection, block.hash) == block.serialize()
        for each in block.transactions:
            raw = scripted_index.raw.transaction(connection, each.txid, block.hash)
            assert raw == each.serialize()
        positions = scripted_index.raw.positions(connection, block.hash)
    assert list(positions) == [each.txid for each in block.transactions]


def test_a_page_without_raw_bytes_says_why(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    paid = pay((coinbase, 0), "alice")
    scripted_index.mine(paid)
    with scripted_index.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM raw_block")
    page = page_of(scripted_index, paid)
    assert page.transaction is None
    assert page.raw_problem == "No node is connected to read this block from."
    assert page.inputs[0].spent.value == 50 * COIN
    assert page.outputs[0].address is not None
    scripted_index.raw = RawSource(scripted_index.node.network, scripted_index.node)
    assert page_of(scripted_index, paid).transaction == paid


def test_positions_in_blocks(scripted_index: ScriptedIndex) -> None:
    with scripted_index.database.read() as connection:
        for height, block in enumerate(scripted_index.node.chain):
            parsed = parse_block(block.serialize(), scripted_index.node.network)
            assert find_at(connection, height, 0) == parsed.transactions[0].txid
        assert find_at(connection, 3, 1) is None
        assert find_at(connection, 99, 0) is None


def test_a_txid_of_the_same_key_is_another_transaction(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    with scripted_index.database.read() as connection:
        assert find_confirmed(connection, coinbase.txid) is not None
        assert find_confirmed(connection, coinbase.txid[:8] + bytes(24)) is None
