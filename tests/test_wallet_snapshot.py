"""What a wallet is said to hold and to have done: equal to what reading every block gives."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from threading import Barrier, get_ident

import pytest
from sqlalchemy import Engine, event

from indexer.chain.encoding import Transaction, TxOutput, parse_transaction
from indexer.database import Database
from indexer.node.base import MempoolEntry
from indexer.queries.pulse import read_pulse
from tests.fixtures_scripted_index import Account as Truth
from tests.fixtures_scripted_index import ScriptedIndex
from tests.scripted_node import COIN, script_of, spend
from wallet.descriptor import Descriptor
from wallet.keys import Account as Keys
from wallet.keys import Branch, KeyNode, Purpose
from webapp.accounts.database import ACCOUNTS
from webapp.accounts.users import add_user
from webapp.wallets import opening
from webapp.wallets.history import Filter, Reader
from webapp.wallets.opening import Keeper, Opener
from webapp.wallets.scan import BranchScan
from webapp.wallets.snapshot import Balance, Snapshot, owned_coin
from webapp.wallets.store import (
    NewAccount,
    NewWallet,
    StoreError,
    Wallet,
    add_account,
    change_wallet,
    create_wallet,
    offer_receive,
    wallets_of,
)
from webapp.wallets.vanished import vanished

GAP = 20


@dataclass
class Household:
    """A wallet on a chain that the test writes."""

    index: ScriptedIndex
    accounts: Database
    wallet_id: int
    descriptors: tuple[Descriptor, ...]
    keeper: Keeper
    purse: list[Transaction]

    @property
    def wallet(self) -> Wallet:
        with self.accounts.read() as reading:
            return wallets_of(reading, 1, self.index.node.network)[0]

    @contextmanager
    def opener(self) -> Iterator[Opener]:
        with self.index.database.read() as connection:
            pulse = read_pulse(connection)
            assert pulse is not None
            yield Opener(connection, pulse, self.index.node.network, self.accounts, self.keeper)

    def open(self) -> Snapshot:
        with self.opener() as opener:
            return opener.open(self.wallet)

    def script(self, position: int, branch: Branch = Branch.RECEIVE, account: int = 0) -> bytes:
        return self.descriptors[account].scripts(branch, position, 1)[0]

    def pay(self, *payments: tuple[int, bytes]) -> Transaction:
        """In a block of its own, by somebody who has mined the coins long ago."""
        coinbase = self.purse.pop(0)
        value = coinbase.outputs[0].value
        rest = value - sum(amount for amount, _ in payments) - 500
        paid = spend([(coinbase, 0)], [*payments, (rest, script_of("payer"))])
        self.index.mine(paid)
        return paid


def descriptor(name: str, purpose: Purpose, index: ScriptedIndex) -> Descriptor:
    network = index.node.network
    master = KeyNode.master(sha256(name.encode()).digest(), network)
    account = Keys(master, network, purpose)
    path = account.path.replace("'", "h")
    return Descriptor.of_account(purpose, account.node.xpub, master.fingerprint, path, network)


@pytest.fixture
def household(scripted_index: ScriptedIndex, tmp_path: Path) -> Iterator[Household]:
    """Two accounts. The accounts' database is of the index's kind."""
    index = scripted_index.database
    if index.is_sqlite:
        url, schema = f"sqlite:///{tmp_path / 'accounts.db'}", None
    else:
        url, schema = index.url.render_as_string(hide_password=False), f"{index.schema}_accounts"
    accounts = Database.open(url, schema=schema, tables=ACCOUNTS)
    accounts.upgrade()
    descriptors = tuple(
        descriptor("somebody", purpose, scripted_index)
        for purpose in (Purpose.P2WPKH, Purpose.P2TR)
    )
    with accounts.write() as writing:
        user = add_user(writing, "Somebody", None)
        new = NewWallet(
            "Savings",
            "watch",
            None,
            0,
            tuple(NewAccount(each.purpose, 0, each) for each in descriptors),
        )
        wallet_id = create_wallet(writing, user.id, scripted_index.node.network, new)
    purse = [scripted_index.node.mine(miner="payer").transactions[0] for _ in range(40)]
    scripted_index.sync()
    yield Household(scripted_index, accounts, wallet_id, descriptors, Keeper(), purse)
    if schema is not None:
        with accounts.write() as writing:
            writing.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    accounts.dispose()


def truth_of(household: Household, snapshot: Snapshot) -> Truth:
    """The wallet's scripts as one account, read from every block."""
    found = household.index.accounts()
    changes: dict[bytes, list[int]] = {}
    order: list[bytes] = []
    truth = Truth()
    for script in snapshot.owned.wanted.scripts:
        account = found.get(script, Truth())
        truth.coins |= account.coins
        for txid, change, _balance in account.history:
            changes.setdefault(txid, []).append(change)
    for block in household.index.node.chain:
        order += [each.txid for each in block.transactions if each.txid in changes]
    balance = 0
    for txid in order:
        balance += sum(changes[txid])
        truth.history.append((txid, sum(changes[txid]), balance))
    return truth


def require_true(household: Household) -> Snapshot:
    snapshot = household.open()
    truth = truth_of(household, snapshot)
    with household.opener() as opener:
        reader = Reader(opener.index, snapshot, Filter())
        told = [(each.txid, each.delta, each.balance) for each in reader.confirmed()]
        pending = list(reader.pending())
    assert told == truth.history[::-1]
    coins = {coin.outpoint: coin.value for coin in snapshot.coins if coin.height is not None}
    assert coins == truth.coins
    balance = snapshot.balance
    assert balance.confirmed + balance.immature == sum(truth.coins.values())
    assert balance.pending == sum(each.delta for each in pending)
    at_once = replace(household, keeper=Keeper()).open()
    assert replace(at_once, owned=snapshot.owned) == snapshot
    owned = set(snapshot.owned.wanted.scripts)
    waiting = [parse_transaction(each.raw, snapshot.network) for each in pool(household).values()]
    made = {(each.txid, vout): out for each in waiting for vout, out in enumerate(each.outputs)}
    assert {each.txid for each in pending} == {
        each.txid
        for each in waiting
        if owned & {out.script for out in each.outputs}
        or any(is_ours(spent[:2], truth, made, owned) for spent in each.inputs)
    }
    return snapshot


def pool(household: Household) -> dict[bytes, MempoolEntry]:
    return household.index.node.pool


def is_ours(
    outpoint: tuple[bytes, int],
    truth: Truth,
    made: dict[tuple[bytes, int], TxOutput],
    owned: set[bytes],
) -> bool:
    return outpoint in truth.coins or (outpoint in made and made[outpoint].script in owned)


def test_figures_follow_the_chain_and_the_mempool(household: Household) -> None:
    """A wallet lived at random for a while: received, sent, moved, bumped, reorganised."""
    index, chance = household.index, Random(4)
    coins: list[tuple[Transaction, int]] = []
    for number in range(40):
        match chance.choice(["receive", "receive", "send", "wait", "reorganise"]):
            case "receive":
                script = household.script(number % 30, Branch(number % 2), number % 2)
                coins.append((household.pay((chance.randrange(10_000, COIN), script)), 0))
            case "send" | "wait" as what if coins:
                made, vout = coins.pop(chance.randrange(len(coins)))
                value = made.outputs[vout].value
                paid = (value // 3, script_of("shop"))
                change = (value // 2, household.script(number % 25, Branch.CHANGE))
                sent = spend([(made, vout)], [paid, change])
                index.accept(sent)
                if what == "wait":  # and pays more a little later
                    sent = spend([(made, vout)], [paid])
                    index.accept(sent)
                else:
                    index.mine(sent)
                    coins.append((sent, 1))
            case "reorganise" if number > 5:
                index.node.disconnect(2)
                coins.clear()
                for _ in range(3):
                    index.node.mine()
                index.sync()
        require_true(household)
    snapshot = require_true(household)
    assert snapshot.pending.movements
    assert len(snapshot.ledger) > 10


def test_a_reorganisation_takes_back_what_it_undid(household: Household) -> None:
    household.pay((7_000, household.script(3)))
    assert household.open().balance == Balance(7_000)
    household.index.node.disconnect(2)
    household.index.node.pool.clear()
    household.index.node.mine()
    household.index.node.mine()
    household.index.node.mine()
    household.index.sync()
    snapshot = require_true(household)
    assert snapshot.balance == Balance()
    assert snapshot.accounts[0].receive.scan.last_used is None


def test_balances_by_account_and_maturity(household: Household) -> None:
    household.pay((5_000, household.script(0)), (900, household.script(2, account=1)))
    snapshot = household.open()
    assert [each.balance for each in snapshot.accounts] == [Balance(5_000), Balance(900)]
    with household.opener() as opener:
        wanted = Filter(account_id=snapshot.accounts[1].account.id)
        (entry,) = Reader(opener.index, snapshot, wanted).confirmed()
    assert (entry.received, entry.balance) == (900, 900)
    network = household.index.node.network
    coin = next(iter(snapshot.settled.history.coins.values()))._replace(is_coinbase=True)
    for missing in (1, 0):
        tip = (coin.height or 0) + network.coinbase_maturity - 1 - missing
        assert owned_coin(coin, snapshot.owned, network, tip).blocks_to_maturity == missing


def test_the_gap_limit_says_how_far_is_looked(household: Household) -> None:
    """Beyond a gap nothing is found until the limit is raised; within it everything is."""
    household.pay((1_000, household.script(GAP - 1)), (10, household.script(3 * GAP)))
    snapshot = require_true(household)
    receive = snapshot.accounts[0].receive
    assert (receive.scan.last_used, receive.scan.looked) == (GAP - 1, 2 * GAP)
    assert receive.scan.complete
    assert receive.next_position == GAP
    assert receive.next_script == household.script(GAP)
    assert snapshot.balance.confirmed == 1_000
    with household.accounts.write() as writing:
        change_wallet(writing, household.wallet_id, name="Savings", gap_limit=2 * GAP + 1)
    snapshot = require_true(household)
    assert snapshot.accounts[0].receive.scan.last_used == 3 * GAP
    assert snapshot.balance.confirmed == 1_010
    assert snapshot.accounts[0].change.scan.looked == 2 * GAP + 1


def test_an_address_on_demand_stays_within_the_gap(household: Household) -> None:
    account_id = household.open().accounts[0].account.id
    with household.accounts.write() as writing:
        offer_receive(writing, account_id, 4)
        offer_receive(writing, account_id, 2)
    assert household.open().accounts[0].receive.next_position == 4
    with household.accounts.write() as writing:
        offer_receive(writing, account_id, 10 * GAP)
    assert household.open().accounts[0].receive.next_position == GAP - 1
    household.pay((1_000, household.script(GAP - 1)))
    assert household.open().accounts[0].receive.next_position == 2 * GAP - 1


def test_a_long_history_is_scanned_bit_by_bit(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in range(0, 90, 15):
        household.pay(*((1_000, household.script(first + each)) for each in range(15)))
    monkeypatch.setattr(opening, "SCRIPTS_PER_REQUEST", 30)
    looked = []
    while (snapshot := household.open()).scanning:
        looked.append(snapshot.addresses_looked_at)
        assert len(looked) < 10
    assert len(looked) >= 2
    assert looked == sorted(set(looked))
    assert snapshot.balance.confirmed == 90_000
    assert snapshot.accounts[0].receive.scan.last_used == 89


def test_the_mempool_extends_what_is_watched(household: Household) -> None:
    coinbase = household.index.mine(miner="payer")
    paid = household.index.accept(spend([(coinbase, 0)], [(800, household.script(GAP - 2))]))
    snapshot = require_true(household)
    assert snapshot.balance == Balance(0, 800)
    assert snapshot.accounts[0].receive.scan == BranchScan(2 * GAP - 1, GAP - 2, True)
    assert [(each.outpoint, each.height) for each in snapshot.coins] == [((paid.txid, 0), None)]


def test_a_payment_that_will_not_come(household: Household) -> None:
    """Its sender pays somebody else instead; a bump that still pays the wallet is not told."""
    index, coinbase = household.index, household.purse.pop()
    value = coinbase.outputs[0].value
    mine, strangers = household.script(4), script_of("stranger")

    def missed() -> list[tuple[bytes, bytes, int]]:
        with household.opener() as opener:
            found = vanished(opener.index, opener.open(household.wallet))
        return [(each.txid, each.replaced_by, each.received) for each in found]

    index.accept(spend([(coinbase, 0)], [(700, mine), (value - 900, strangers)]))
    second = index.accept(spend([(coinbase, 0)], [(700, mine), (value - 1_900, strangers)]))
    assert missed() == []
    third = index.accept(spend([(coinbase, 0)], [(value - 3_000, strangers)]))
    assert missed() == [(second.txid, third.txid, 700)]
    fourth = index.accept(spend([(coinbase, 0)], [(800, mine), (value - 5_000, strangers)]))
    assert missed() == []
    index.mine(fourth)
    assert missed() == []
    require_true(household)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Every statement that this thread sends meanwhile; other tests' sites may be awake."""
    sent: list[str] = []
    thread = get_ident()

    def note(_c: object, _u: object, statement: str, *_more: object) -> None:
        if get_ident() == thread:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_the_wallet(household: Household) -> None:
    counts = []
    for size in (2, 60):
        household.pay(*((1_000, household.script(each)) for each in range(size)))
        household.open()
        fresh = replace(household, keeper=Keeper())
        with counted() as cold:
            fresh.open()
        with counted() as warm:
            fresh.open()
        counts.append((len(cold), len(warm)))
    assert counts[0] == counts[1]
    assert counts[0][1] < counts[0][0] < 15
    assert counts[0][1] <= 8


def test_a_wallet_is_kept_once(household: Household) -> None:
    """Whatever the text of its descriptor."""
    network = household.index.node.network
    first = household.descriptors[0]
    other = Descriptor.parse(first.text.replace("/84h", "/83h").split("#")[0], network)
    again = NewWallet("Again", "watch", None, 0, (NewAccount(other.purpose, 0, other),))
    with household.accounts.write() as writing:
        with pytest.raises(StoreError, match="accounts: duplicate"):
            create_wallet(writing, 1, network, again)
        with pytest.raises(StoreError, match="descriptor: duplicate"):
            add_account(writing, household.wallet_id, again.accounts[0])
        somebody = add_user(writing, "Somebody else", None)
        assert create_wallet(writing, somebody.id, network, again) != household.wallet_id


def test_two_processes_scan_at_once(household: Household) -> None:
    """Each finds that the same addresses are wanted: they are kept once, without an error."""
    household.pay((1_000, household.script(GAP - 1)))
    ready = Barrier(4)

    def scan(_number: int) -> Snapshot:
        ready.wait(10)
        return replace(household, keeper=Keeper()).open()

    with ThreadPoolExecutor(4) as pool:
        snapshots = list(pool.map(scan, range(4)))
    for snapshot in snapshots:
        assert snapshot.accounts[0].receive.scan.looked == 2 * GAP
    require_true(household)


def test_a_process_keeps_the_wallets_opened_last(household: Household) -> None:
    household.open()
    kept = household.keeper.find(household.wallet_id)
    assert kept is not None
    small = Keeper(most_rows=kept.rows + 1)
    small.keep(1, kept)
    small.keep(2, kept)
    assert small.find(1) is None
    assert small.find(2) is kept
