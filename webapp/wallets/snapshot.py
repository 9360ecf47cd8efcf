"""All that a wallet's pages show of it at one moment of the chain and the mempool."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from indexer.chain.network import Network
from indexer.queries.script_sets import (
    Movements,
    PendingMovement,
    PendingSet,
    SetCoin,
    SetHistory,
)
from wallet.keys import Branch
from webapp.wallets.ledger import Ledger
from webapp.wallets.owned import OwnedScripts, Place, Run
from webapp.wallets.scan import BranchScan, wanted_count
from webapp.wallets.store import Account, Wallet


@dataclass(frozen=True, slots=True)
class Balance:
    """Three figures that do not overlap. `pending` is what the mempool would change, signed."""

    confirmed: int = 0  # mature
    pending: int = 0
    immature: int = 0

    @property
    def total(self) -> int:
        return self.confirmed + self.pending + self.immature


class OwnedCoin(NamedTuple):
    """An unspent output of the wallet. `height` is None, and `time` when it was first seen, while
    it is unconfirmed. `blocks_to_maturity` is 0 for what may be spent. `spent_by` is an unconfirmed
    transaction."""

    txid: bytes
    vout: int
    value: int
    script: bytes
    place: Place
    height: int | None
    time: int
    is_coinbase: bool
    blocks_to_maturity: int
    spent_by: bytes | None

    @property
    def outpoint(self) -> tuple[bytes, int]:
        return self.txid, self.vout

    def confirmations(self, tip_height: int) -> int:
        return 0 if self.height is None else tip_height - self.height + 1


@dataclass(frozen=True, slots=True)
class BranchState:
    """How far a branch is used, and the first address after the last used one."""

    scan: BranchScan
    next_position: int
    next_script: bytes


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account: `receive.next_position` is the one that is offered to receive at."""

    account: Account
    balance: Balance
    receive: BranchState
    change: BranchState


@dataclass(frozen=True, slots=True)
class ChartPoint:
    time: int
    balance: int


@dataclass(frozen=True)
class Settled:
    """What only a block changes. `coins` say nothing of the mempool; `balances` are by account,
    `used` places in the wallet's set of scripts."""

    history: SetHistory
    ledger: Ledger
    coins: tuple[OwnedCoin, ...]
    balances: Mapping[int, Balance]
    used: frozenset[int]
    chart: tuple[ChartPoint, ...]  # oldest first, the last transaction among them

    @property
    def movements(self) -> Movements:
        return self.history.movements


@dataclass(frozen=True)
class Snapshot:
    """A wallet at one moment. While the index is `loading` there are no figures."""

    wallet: Wallet
    network: Network
    tip_height: int
    chain_generation: int
    mempool_generation: int
    loading: bool
    owned: OwnedScripts
    settled: Settled
    pending: PendingSet
    accounts: tuple[AccountState, ...]
    coins: tuple[OwnedCoin, ...]  # confirmed ones oldest first, then unconfirmed ones

    @property
    def balance(self) -> Balance:
        return sum_balances(each.balance for each in self.accounts)

    @property
    def ledger(self) -> Ledger:
        return self.settled.ledger

    @property
    def scanning(self) -> bool:
        """More addresses are to be looked at: the figures are not final."""
        return not all(scan.complete for scan in self.scans())

    @property
    def addresses_looked_at(self) -> int:
        return sum(scan.looked for scan in self.scans())

    def scans(self) -> Iterator[BranchScan]:
        for each in self.accounts:
            yield each.receive.scan
            yield each.change.scan

    @property
    def last_activity(self) -> int | None:
        """When its newest transaction was seen or confirmed."""
        if self.pending.movements:
            return self.pending.movements[0].first_seen
        return self.settled.chart[-1].time if self.settled.chart else None

    def account(self, account_id: int) -> AccountState | None:
        return next((each for each in self.accounts if each.account.id == account_id), None)

    def pending_of(self, txid: bytes) -> tuple[PendingMovement, ...]:
        return tuple(each for each in self.pending.movements if each.txid == txid)


def sum_balances(balances: Iterable[Balance]) -> Balance:
    confirmed = pending = immature = 0
    for each in balances:
        confirmed += each.confirmed
        pending += each.pending
        immature += each.immature
    return Balance(confirmed, pending, immature)


def last_used(run: Run, *used: frozenset[int]) -> int | None:
    """The last position of a branch that was ever paid. `used` are places in the wallet's set."""
    for place in range(run.first + run.count - 1, run.first - 1, -1):
        if any(place in each for each in used):
            return place - run.first
    return None


def branch_state(
    owned: OwnedScripts, run: Run, last: int | None, gap_limit: int, offered: int
) -> BranchState:
    first_unused = 0 if last is None else last + 1
    position = min(max(first_unused, offered), run.count - 1)
    return BranchState(
        BranchScan(run.count, last, run.count >= wanted_count(last, gap_limit)),
        position,
        owned.wanted.scripts[run.first + position],
    )


def account_state(
    account: Account,
    wallet: Wallet,
    owned: OwnedScripts,
    used: tuple[frozenset[int], ...],
    balance: Balance,
) -> AccountState:
    receive, change = (owned.run(account.id, branch) for branch in Branch)
    gap, offered = wallet.gap_limit, account.next_receive
    return AccountState(
        account,
        balance,
        branch_state(owned, receive, last_used(receive, *used), gap, offered),
        branch_state(owned, change, last_used(change, *used), gap, 0),
    )


def owned_coin(coin: SetCoin, owned: OwnedScripts, network: Network, tip_height: int) -> OwnedCoin:
    missing = 0
    if coin.is_coinbase and coin.height is not None:
        missing = max(0, network.coinbase_maturity - (tip_height - coin.height + 1))
    return OwnedCoin(
        txid=coin.txid,
        vout=coin.vout,
        value=coin.value,
        script=owned.wanted.scripts[coin.place],
        place=owned.where(coin.place),
        height=coin.height,
        time=coin.time,
        is_coinbase=coin.is_coinbase,
        blocks_to_maturity=missing,
        spent_by=coin.spent_by,
    )


def marked(
    coins: Iterable[OwnedCoin], spends: Mapping[tuple[bytes, int], bytes]
) -> Iterator[OwnedCoin]:
    """The coins, with who spends them in the mempool."""
    for coin in coins:
        spender = spends.get(coin.outpoint)
        yield coin if spender is None else coin._replace(spent_by=spender)


def settled_balances(coins: Iterable[OwnedCoin]) -> dict[int, Balance]:
    """By account, of those that hold anything confirmed."""
    confirmed: Counter[int] = Counter()
    immature: Counter[int] = Counter()
    for coin in coins:
        kind = immature if coin.blocks_to_maturity else confirmed
        kind[coin.place.account_id] += coin.value
    return {
        account_id: Balance(confirmed[account_id], 0, immature[account_id])
        for account_id in confirmed | immature
    }


def pending_balances(pending: PendingSet, owned: OwnedScripts) -> dict[int, Balance]:
    """By account, of those that the mempool would change."""
    changes: Counter[int] = Counter()
    for each in pending.movements:
        changes[owned.run_at(each.place).account_id] += each.received - each.sent
    return {account_id: Balance(0, change, 0) for account_id, change in changes.items()}
