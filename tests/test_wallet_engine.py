"""From coins to a block: select, build, sign, and Core's engine takes it; then bump it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from indexer.chain.encoding import Transaction, TxOutput
from indexer.chain.script import op_return, p2pkh, p2sh, p2tr, p2wpkh, p2wsh
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from indexer.node.mempool_graph import MIN_RELAY_FEE
from tests.fixtures_embedded import Miner
from tests.wallet_spender import Spender, candidate_of, change_to
from wallet.builder import sign
from wallet.bump import (
    Adjustment,
    Ancestors,
    Bump,
    NotReplaceable,
    NotReplaceableError,
    Pending,
    RelayRules,
    bump,
    cancel,
    least_fee,
    pay_for,
)
from wallet.coins import Algorithm, Candidate, Outpoint, Request, Selection, Trust
from wallet.descriptor import DerivedOutput
from wallet.fees import InsufficientFundsError, fee_of
from wallet.keys import Branch, Purpose
from wallet.psbt import parse_psbt
from wallet.psbt_build import OwnCoin, Paid, anti_sniping_locktime, build_psbt
from wallet.selection import select, select_all

RULES = RelayRules(MIN_RELAY_FEE, MIN_RELAY_FEE, full_rbf=True)
ELSEWHERE = [p2pkh(b"\7" * 20), p2sh(b"\7" * 20), p2wpkh(b"\7" * 20), p2wsh(b"\7" * 32)]
ELSEWHERE += [p2tr(bytes(range(32)))]


@dataclass
class Wallet:
    """Ann's coins on a chain of its own."""

    node: EmbeddedNode
    miner: Miner
    ann: Spender
    rng: Random
    coins: dict[Outpoint, OwnCoin] = field(default_factory=dict)  # unspent
    known: dict[Outpoint, OwnCoin] = field(default_factory=dict)
    own: dict[bytes, DerivedOutput] = field(default_factory=dict)
    indexes: Iterator[int] = field(default_factory=count)

    def output(self, purpose: Purpose, branch: Branch = Branch.RECEIVE) -> DerivedOutput:
        output = self.ann.output(purpose, branch, next(self.indexes))
        self.own[output.script] = output
        return output

    def receive(self, transaction: Transaction) -> list[OwnCoin]:
        """Ann's outputs of a transaction, whose inputs are gone."""
        for spent in transaction.inputs:
            self.coins.pop((spent.prev_txid, spent.prev_vout), None)
        found = [
            OwnCoin(transaction, vout, self.own[output.script])
            for vout, output in enumerate(transaction.outputs)
            if output.script in self.own
        ]
        by_outpoint = {(coin.previous.txid, coin.vout): coin for coin in found}
        self.coins |= by_outpoint
        self.known |= by_outpoint
        return found

    def fund(self, purposes: list[Purpose], values: list[int]) -> list[OwnCoin]:
        """Confirmed coins."""
        outputs = [
            TxOutput(value, self.output(purpose).script)
            for purpose, value in zip(purposes, values, strict=True)
        ]
        coin = self.miner.coins.pop(0)
        left = coin.value - sum(values) - 50_000
        outputs.append(TxOutput(left, self.miner.spend.script))
        paid = sign([coin], outputs)
        self.node.submit(paid.serialize())
        self.miner.mine()
        return self.receive(paid)

    def candidates(self) -> list[Candidate]:
        return [candidate_of(coin) for coin in self.coins.values()]

    def request(
        self, payments: tuple[TxOutput, ...], fee_rate: int, change: DerivedOutput
    ) -> Request:
        return Request(self.ann.network, payments, fee_rate, 5_000, change_to(change))

    def sign(self, spent: Sequence[Candidate], outputs: Sequence[TxOutput]) -> Transaction:
        """Through the text of a PSBT, as the browser or another machine gets it."""
        coins = [self.known[candidate.outpoint] for candidate in spent]
        paid = [Paid(output, self.own.get(output.script)) for output in outputs]
        locktime = anti_sniping_locktime(self.node.tip().height, 0, self.rng)
        psbt = build_psbt(self.ann.network, coins, paid, self.rng, locktime=locktime)
        read = parse_psbt(psbt.base64, self.ann.network)
        return self.ann.sign(read)

    def send(self, selection: Selection) -> Transaction:
        signed = self.sign(selection.coins, selection.outputs)
        spent = sum(coin.value for coin in selection.coins)
        assert spent - sum(output.value for output in signed.outputs) == selection.fee
        assert 0 <= selection.weight - signed.weight <= 4 * len(selection.coins)
        assert self.node.submit(signed.serialize()) == signed.txid
        return signed


@pytest.fixture
def wallet(miner: Miner, embedded_node: EmbeddedNode) -> Wallet:
    return Wallet(embedded_node, miner, Spender.of(b"Ann"), Random(21))


def _random_values(rng: Random, number: int) -> list[int]:
    return [int(rng.lognormvariate(11.5, 1.5)) + 600 for _ in range(number)]


def test_whatever_is_selected_the_engine_takes(wallet: Wallet) -> None:
    """Random wallets of every kind and mixed, random payments and rates, in a few blocks."""
    rng = wallet.rng
    algorithms = set()
    sent = 0
    for kinds in (*([purpose] for purpose in Purpose), list(Purpose), list(Purpose)):
        wallet.coins.clear()
        number = 40
        wallet.fund([rng.choice(kinds) for _ in range(number)], _random_values(rng, number))
        for _ in range(12):
            change = wallet.output(rng.choice(kinds), Branch.CHANGE)
            payments = tuple(
                TxOutput(int(rng.lognormvariate(10.5, 1.2)) + 600, rng.choice(ELSEWHERE))
                for _ in range(rng.choice((1, 1, 1, 2, 5)))
            )
            if rng.random() < 0.2:
                payments += (TxOutput(0, op_return(b"for the hat")),)
            rate = rng.choice((1_000, 1_001, 2_345, 10_000, 40_007))
            try:
                selection = select(wallet.candidates(), wallet.request(payments, rate, change), rng)
            except InsufficientFundsError:
                break
            wallet.receive(wallet.send(selection))
            algorithms.add(selection.algorithm)
            sent += 1
        rest = select_all(
            wallet.candidates(), wallet.request((), 1_500, change), rng.choice(ELSEWHERE)
        )
        wallet.send(rest)
        tip = wallet.miner.mine()
        assert tip.height == wallet.node.tip().height
    assert sent > 40
    assert algorithms >= {Algorithm.BRANCH_AND_BOUND, Algorithm.RANDOM_DRAW}
    print(f"{sent} transactions taken, found by {', '.join(sorted(algorithms))}")


def test_an_exact_match_leaves_no_change_on_the_chain(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH] * 4, [50_000, 30_000, 21_000, 9_000])
    change = wallet.output(Purpose.P2WPKH, Branch.CHANGE)
    # Two inputs of P2WPKH and an output of P2TR have 189.5 vbytes.
    payment = TxOutput(50_000 + 21_000 - 190 * 3, ELSEWHERE[-1])
    selection = select(wallet.candidates(), wallet.request((payment,), 3_000, change), wallet.rng)
    assert selection.algorithm is Algorithm.BRANCH_AND_BOUND
    sent = wallet.send(selection)
    assert list(sent.outputs) == [payment]


def _pending(wallet: Wallet, payment: int, rate: int) -> tuple[Selection, Transaction]:
    change = wallet.output(Purpose.P2WPKH, Branch.CHANGE)
    request = wallet.request((TxOutput(payment, ELSEWHERE[-1]),), rate, change)
    selection = select(wallet.candidates(), request, wallet.rng)
    return selection, wallet.send(selection)


def _kept(wallet: Wallet, selection: Selection, old: Pending) -> Bump:
    changed = selection.change is not None
    change = selection.outputs[-1].script if changed else None
    to = wallet.own[change] if change else wallet.output(Purpose.P2WPKH, Branch.CHANGE)
    return Bump(
        old,
        selection.coins,
        selection.outputs[:1],
        change_to(to),
        had_change=changed,
    )


def _replace(
    wallet: Wallet, coins: Sequence[Candidate], outputs: Sequence[TxOutput]
) -> Transaction:
    signed = wallet.sign(coins, outputs)
    wallet.node.submit(signed.serialize())
    return signed


def test_a_bump_takes_from_the_change(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH], [200_000])
    selection, sent = _pending(wallet, 80_000, 1_000)
    old = Pending(sent, selection.fee)
    raised = bump(_kept(wallet, selection, old), 7_000, RULES, wallet.ann.network)
    assert raised.adjustments == (Adjustment.CHANGE_REDUCED,)
    assert raised.coins == selection.coins
    assert raised.outputs[0] == selection.outputs[0]
    assert raised.fee_rate == 7_000
    assert selection.change is not None
    assert raised.change == selection.change - (raised.fee - selection.fee)
    assert raised.least_fee == old.fee + fee_of(raised.weight, MIN_RELAY_FEE)
    assert (raised.evicted, raised.evicted_fees) == (1, selection.fee)
    again = _replace(wallet, raised.coins, raised.outputs)
    tip = wallet.miner.mine()
    assert again.serialize() == wallet.node.transaction(again.txid, tip.hash)


@pytest.mark.parametrize("least_by", [0, 1])
def test_the_least_fee_is_the_least_the_node_takes(wallet: Wallet, least_by: int) -> None:
    """To the unit: one less is refused by the rule on what relaying costs."""
    wallet.fund([Purpose.P2WPKH], [200_000])
    selection, sent = _pending(wallet, 80_000, 5_000)
    old = Pending(sent, selection.fee)
    raised = bump(_kept(wallet, selection, old), 1_000, RULES, wallet.ann.network)
    assert Adjustment.LEAST_FEE in raised.adjustments
    assert raised.fee == raised.least_fee
    payment, change = raised.outputs
    # A vbyte that a short signature saved would count for us.
    signed = wallet.sign(raised.coins, (payment, change._replace(value=change.value + least_by)))
    if signed.vsize == (raised.weight + 3) // 4 and least_by:
        with pytest.raises(TransactionRejectedError, match="not enough additional fees"):
            wallet.node.submit(signed.serialize())
    else:
        wallet.node.submit(signed.serialize())


def test_a_bump_drops_change_then_adds_coins(wallet: Wallet) -> None:
    coins = wallet.fund([Purpose.P2WPKH] * 2, [100_000, 60_000])
    first = candidate_of(coins[0])
    change = wallet.output(Purpose.P2WPKH, Branch.CHANGE)
    request = wallet.request((TxOutput(97_000, ELSEWHERE[-1]),), 1_000, change)
    request = Request(
        request.network, request.payments, 1_000, 1_000, request.change, frozenset({first.outpoint})
    )
    selection = select(wallet.candidates(), request, wallet.rng)
    assert selection.change is not None
    sent = wallet.send(selection)
    kept = _kept(wallet, selection, Pending(sent, selection.fee))
    dropped = bump(kept, 23_500, RULES, wallet.ann.network)
    assert dropped.adjustments == (Adjustment.CHANGE_DROPPED,)
    assert dropped.fee == 3_000
    spare = [candidate_of(coins[1])]
    with pytest.raises(InsufficientFundsError) as told:
        bump(kept, 60_000, RULES, wallet.ann.network)
    assert told.value.available == 100_000
    assert told.value.needed > 100_000
    more = bump(kept, 60_000, RULES, wallet.ann.network, spare)
    assert more.adjustments == (Adjustment.COINS_ADDED, Adjustment.CHANGE_REDUCED)
    assert more.coins == (first, *spare)
    _replace(wallet, dropped.coins, dropped.outputs)
    _replace(wallet, more.coins, more.outputs)
    wallet.miner.mine()


def test_a_bump_of_everything_lessens_what_its_recipient_gets(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2TR] * 3, [40_000, 50_000, 60_000])
    change = wallet.output(Purpose.P2TR, Branch.CHANGE)
    selection = select_all(wallet.candidates(), wallet.request((), 1_000, change), ELSEWHERE[0])
    sent = wallet.send(selection)
    kept = Bump(
        Pending(sent, selection.fee),
        selection.coins,
        selection.outputs,
        change_to(change),
        had_change=False,
        rest=0,
    )
    raised = bump(kept, 9_000, RULES, wallet.ann.network)
    assert raised.adjustments == (Adjustment.REST_REDUCED,)
    assert raised.outputs[0].value == 150_000 - raised.fee
    _replace(wallet, raised.coins, raised.outputs)
    with pytest.raises(InsufficientFundsError):
        bump(kept, 900_000, RULES, wallet.ann.network)


def test_cancelling_brings_everything_home(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH] * 3, [70_000, 80_000, 90_000])
    selection, sent = _pending(wallet, 200_000, 4_000)
    assert len(selection.coins) == 3
    home = wallet.output(Purpose.P2WPKH, Branch.CHANGE)
    cancelled = cancel(
        Pending(sent, selection.fee),
        selection.coins,
        home.script,
        4_000,
        RULES,
        wallet.ann.network,
    )
    assert len(cancelled.coins) == 1  # enough to make the old one void
    assert cancelled.outputs[0].script == home.script
    void = _replace(wallet, cancelled.coins, cancelled.outputs)
    tip = wallet.miner.mine()
    assert void.serialize() == wallet.node.transaction(void.txid, tip.hash)
    with pytest.raises(TransactionRejectedError):
        wallet.node.submit(sent.serialize())


def test_replacing_pays_for_descendants_too(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH], [300_000])
    selection, sent = _pending(wallet, 80_000, 2_000)
    kept = _kept(wallet, selection, Pending(sent, selection.fee))
    change = [coin for coin in wallet.receive(sent) if coin.previous is sent]
    child = wallet.sign(
        (candidate_of(change[0]),), (TxOutput(change[0].prevout.value - 9_000, ELSEWHERE[0]),)
    )
    wallet.node.submit(child.serialize())
    careless = bump(kept, 3_000, RULES, wallet.ann.network)
    signed = wallet.sign(careless.coins, careless.outputs)
    with pytest.raises(TransactionRejectedError, match="insufficient fee"):
        wallet.node.submit(signed.serialize())
    old = Pending(sent, selection.fee, 1, 9_000, child.vsize)
    careful = bump(
        Bump(old, kept.coins, kept.payments, kept.change, kept.had_change),
        3_000,
        RULES,
        wallet.ann.network,
    )
    assert (careful.evicted, careful.evicted_fees) == (2, selection.fee + 9_000)
    assert careful.fee > selection.fee + 9_000
    assert careful.fee_rate > old.rate_to_beat
    _replace(wallet, careful.coins, careful.outputs)


def test_what_nodes_do_not_replace_is_told(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH] * 2, [300_000, 50_000])
    selection, sent = _pending(wallet, 80_000, 2_000)
    final = Transaction(
        2,
        [tx_input._replace(sequence=0xFFFFFFFE) for tx_input in sent.inputs],
        sent.outputs,
        sent.locktime,
    )
    strict = RelayRules(1_000, 1_000, full_rbf=False)
    kept = _kept(wallet, selection, Pending(final, selection.fee))
    with pytest.raises(NotReplaceableError) as told:
        bump(kept, 9_000, strict, wallet.ann.network)
    assert told.value.reason is NotReplaceable.NOT_SIGNALLED
    assert bump(kept, 9_000, RULES, wallet.ann.network).fee_rate == 9_000
    ours = _kept(wallet, selection, Pending(sent, selection.fee))
    assert bump(ours, 9_000, strict, wallet.ann.network).fee_rate == 9_000
    crowded = _kept(wallet, selection, Pending(sent, selection.fee, 100, 100_000, 10_000))
    with pytest.raises(NotReplaceableError) as told:
        bump(crowded, 9_000, RULES, wallet.ann.network)
    assert told.value.reason is NotReplaceable.TOO_MANY_EVICTED
    doubtful = [
        Candidate(c.txid, c.vout, c.value, c.script, c.size, Trust.OWN_PENDING)
        for c in wallet.candidates()
    ]
    kept = _kept(wallet, selection, Pending(sent, selection.fee))
    with pytest.raises(NotReplaceableError) as told:
        bump(kept, 9_000, RULES, wallet.ann.network, doubtful)
    assert told.value.reason is NotReplaceable.ADDS_UNCONFIRMED


def test_a_child_lifts_its_parent(wallet: Wallet) -> None:
    paid = wallet.output(Purpose.P2TR)
    coin = wallet.miner.coins.pop(0)
    change = TxOutput(coin.value - 100_000 - 200, wallet.miner.spend.script)
    parent = sign([coin], [TxOutput(100_000, paid.script), change])
    wallet.node.submit(parent.serialize())
    (received,) = wallet.receive(parent)
    home = wallet.output(Purpose.P2TR, Branch.CHANGE)
    ancestors = Ancestors(200, parent.vsize)
    assert ancestors.fee_rate < 2_000
    child = pay_for(
        ancestors, [candidate_of(received)], home.script, 25_000, RULES, wallet.ann.network
    )
    assert 25_000 <= child.package_rate < 25_010
    assert child.package_fee == 200 + child.fee
    assert child.fee_rate > 25_000
    signed = wallet.sign(child.coins, (child.output,))
    wallet.node.submit(signed.serialize())
    tip = wallet.miner.mine()
    assert signed.serialize() == wallet.node.transaction(signed.txid, tip.hash)


def test_a_child_of_too_small_an_output_takes_spare_coins(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH], [90_000])
    spare = wallet.candidates()
    paid = wallet.output(Purpose.P2WPKH)
    coin = wallet.miner.coins.pop(0)
    change = TxOutput(coin.value - 1_000 - 200, wallet.miner.spend.script)
    parent = sign([coin], [TxOutput(1_000, paid.script), change])
    wallet.node.submit(parent.serialize())
    received = [candidate_of(coin) for coin in wallet.receive(parent)]
    ancestors = Ancestors(200, parent.vsize)
    home = wallet.output(Purpose.P2WPKH, Branch.CHANGE).script
    with pytest.raises(InsufficientFundsError):
        pay_for(ancestors, received, home, 25_000, RULES, wallet.ann.network)
    child = pay_for(ancestors, received, home, 25_000, RULES, wallet.ann.network, spare)
    assert set(child.coins) == {*received, *spare}
    wallet.node.submit(wallet.sign(child.coins, (child.output,)).serialize())


def test_a_parent_that_pays_enough_gets_a_child_at_the_least_rate(wallet: Wallet) -> None:
    wallet.fund([Purpose.P2WPKH], [90_000])
    home = wallet.output(Purpose.P2WPKH, Branch.CHANGE).script
    rich = Ancestors(100_000, 200)
    child = pay_for(rich, wallet.candidates(), home, 2_000, RULES, wallet.ann.network)
    assert child.fee == fee_of(child.weight, MIN_RELAY_FEE)


def test_the_least_fee_beats_a_package_that_a_child_paid_for() -> None:
    """Where a descendant pays a high rate, its rate and the parent's together must be beaten."""
    old_tx = Transaction(2, [], [TxOutput(1, b"")])
    old = Pending(old_tx, 100, 1, 40_000, 110)
    together = 40_100 * 1_000 // (old_tx.vsize + 110)
    assert old.rate_to_beat == together
    fee = least_fee(old, 4 * 1_000, RULES)
    assert fee * 1_000 // 1_000 > together
