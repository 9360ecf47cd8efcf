"""Opening a wallet: from its rows and the index to a snapshot, with what is known already kept.

One web process keeps the scripts of a wallet for as long as none is added, what only blocks change
for as long as no block comes, and what the mempool holds for as long as it does not move. A wallet
with thousands of used addresses then opens like one with a few.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from flask import Flask, current_app
from sqlalchemy import Connection

from indexer.chain.network import Network
from indexer.database import Database, DatabaseError
from indexer.queries.pulse import Pulse, read_pulse
from indexer.queries.script_sets import (
    Movements,
    PendingSet,
    SetHistory,
    block_times,
    pending,
    set_history,
)
from wallet.keys import Branch
from webapp.accounts.context import accounts as account_database
from webapp.accounts.context import owned_wallet
from webapp.context import connection, network, required_pulse
from webapp.wallets.ledger import make_ledger
from webapp.wallets.owned import OwnedScripts, Shape, read_scripts, shape_of
from webapp.wallets.scan import extend
from webapp.wallets.snapshot import (
    Balance,
    ChartPoint,
    OwnedCoin,
    Settled,
    Snapshot,
    account_state,
    marked,
    owned_coin,
    pending_balances,
    settled_balances,
    sum_balances,
)
from webapp.wallets.store import Account, Wallet, accounts_of, keep_scripts

EXTENSION = "satchel-wallets"
SCRIPTS_PER_REQUEST = 2000  # derived at most while one page is made
CHART_POINTS = 300
KEPT_ROWS = 3_000_000  # of scripts and movements, some 60 bytes each
NOTHING_SETTLED = Settled(SetHistory(), make_ledger(Movements()), (), {}, frozenset(), ())
NOTHING_PENDING = PendingSet()


@dataclass(frozen=True)
class Kept:
    """What a process knows of a wallet, and what it is true of."""

    shape: Shape
    owned: OwnedScripts
    chain_generation: int | None = None
    settled: Settled = NOTHING_SETTLED
    mempool_generation: int | None = None
    pending: PendingSet = NOTHING_PENDING

    @property
    def rows(self) -> int:
        return len(self.owned.wanted) + len(self.settled.movements.tx_ids)


class Keeper:
    """What is kept of the wallets opened last."""

    def __init__(self, most_rows: int = KEPT_ROWS) -> None:
        self._most_rows = most_rows
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._rows = 0
        self._lock = threading.Lock()

    def find(self, wallet_id: int) -> Kept | None:
        with self._lock:
            return self._kept.get(wallet_id)

    def keep(self, wallet_id: int, kept: Kept) -> None:
        with self._lock:
            self._forget(wallet_id)
            self._kept[wallet_id] = kept
            self._rows += kept.rows
            while self._rows > self._most_rows and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))

    def _forget(self, wallet_id: int) -> None:
        gone = self._kept.pop(wallet_id, None)
        self._rows -= 0 if gone is None else gone.rows


@dataclass
class Budget:
    """How many more scripts may be derived in one request, for all wallets that it opens."""

    left: int


@dataclass(frozen=True)
class Opener:
    """Where to look: the index at one moment, and the account database."""

    index: Connection
    pulse: Pulse
    network: Network
    database: Database
    keeper: Keeper
    budget: Budget = field(default_factory=lambda: Budget(SCRIPTS_PER_REQUEST))

    def at(self, index: Connection) -> "Opener":
        """The same at the moment that another transaction sees. Raises DatabaseError where that
        finds an index that has been emptied."""
        pulse = read_pulse(index)
        if pulse is None:
            raise DatabaseError("The index is empty")
        return replace(self, index=index, pulse=pulse)

    def open(self, wallet: Wallet) -> Snapshot:
        """The wallet's snapshot. Scans on, within bounds, where a branch is not looked at as far as
        its gap limit asks for."""
        snapshot = self._read(wallet)
        if snapshot.scanning and not snapshot.loading and self._scan_on(snapshot):
            snapshot = self._read(wallet)
        return snapshot

    def _read(self, wallet: Wallet) -> Snapshot:
        with self.database.read() as reading:
            accounts = accounts_of(reading, wallet.id, self.network)
            shape = shape_of(reading, wallet.id)
            kept = self.keeper.find(wallet.id)
            if kept is None or kept.shape != shape:
                kept = Kept(shape, read_scripts(reading, shape))
        if not self.pulse.loading:
            kept = self._brought_up_to_date(kept)
        self.keeper.keep(wallet.id, kept)
        return self._snapshot(wallet, accounts, kept)

    def _brought_up_to_date(self, kept: Kept) -> Kept:
        pulse, wanted = self.pulse, kept.owned.wanted
        moved = kept.chain_generation != pulse.chain_generation
        if moved:
            kept = replace(
                kept, chain_generation=pulse.chain_generation, settled=self._settled(kept)
            )
        if moved or kept.mempool_generation != pulse.mempool_generation:
            kept = replace(
                kept,
                mempool_generation=pulse.mempool_generation,
                pending=pending(self.index, wanted),
            )
        return kept

    def _settled(self, kept: Kept) -> Settled:
        owned, pulse = kept.owned, self.pulse
        told = set_history(
            self.index, owned.wanted, pulse.tip_height, pulse.tip_hash, kept.settled.history
        )
        ledger = make_ledger(told.movements)
        rows = ledger.sample(CHART_POINTS)
        times = block_times(self.index, [ledger.tx_ids[row] for row in rows])
        coins = tuple(self._owned_coins(told, kept))
        return Settled(
            history=told,
            ledger=ledger,
            coins=coins,
            balances=settled_balances(coins),
            used=frozenset(told.movements.places),
            chart=tuple(
                ChartPoint(times[ledger.tx_ids[row]], ledger.balances[row]) for row in rows
            ),
        )

    def _owned_coins(self, told: SetHistory, kept: Kept) -> Iterator[OwnedCoin]:
        """The very ones that are kept where neither the chain nor its height says otherwise."""
        known = kept.settled.history.coins
        ready = {each.outpoint: each for each in kept.settled.coins if not each.blocks_to_maturity}
        for outpoint, coin in told.coins.items():
            if outpoint in ready and known[outpoint] is coin:
                yield ready[outpoint]
            else:
                yield owned_coin(coin, kept.owned, self.network, self.pulse.tip_height)

    def _snapshot(self, wallet: Wallet, accounts: Sequence[Account], kept: Kept) -> Snapshot:
        owned, settled, waiting = kept.owned, kept.settled, kept.pending
        tip_height = self.pulse.tip_height
        fresh = (owned_coin(coin, owned, self.network, tip_height) for coin in waiting.coins)
        used = settled.used, frozenset(each.place for each in waiting.movements)
        parts = settled.balances, pending_balances(waiting, owned)
        return Snapshot(
            wallet=wallet,
            network=self.network,
            tip_height=tip_height,
            chain_generation=self.pulse.chain_generation,
            mempool_generation=self.pulse.mempool_generation,
            loading=self.pulse.loading,
            owned=owned,
            settled=settled,
            pending=waiting,
            accounts=tuple(
                account_state(
                    each,
                    wallet,
                    owned,
                    used,
                    sum_balances(part.get(each.id, Balance()) for part in parts),
                )
                for each in accounts
            ),
            coins=(*marked(settled.coins, waiting.spends), *fresh),
        )

    def _scan_on(self, snapshot: Snapshot) -> bool:
        """Derive and keep what the gap limit asks for. False where nothing was added."""
        before = self.budget.left
        for state in snapshot.accounts:
            for branch, scan in (
                (Branch.RECEIVE, state.receive.scan),
                (Branch.CHANGE, state.change.scan),
            ):
                found = extend(
                    self.index,
                    state.account.parsed,
                    branch,
                    known=scan.looked,
                    last_used=scan.last_used,
                    gap_limit=snapshot.wallet.gap_limit,
                    most=self.budget.left,
                )
                self.budget.left -= len(found.scripts)
                with self.database.write() as writing:
                    keep_scripts(writing, state.account.id, branch, scan.looked, found.scripts)
        return self.budget.left < before


def opener() -> Opener:
    """That of the current request."""
    keeper: Keeper = current_app.extensions[EXTENSION]
    return Opener(connection(), required_pulse(), network(), account_database(), keeper)


def open_wallet(wallet_id: int) -> Snapshot:
    """The current user's wallet as it is now. Aborts with 404 where it is not theirs."""
    with account_database().read() as reading:
        wallet = Wallet.of(owned_wallet(reading, wallet_id))
    return opener().open(wallet)


def install(app: Flask, keeper: Keeper) -> None:
    app.extensions[EXTENSION] = keeper
