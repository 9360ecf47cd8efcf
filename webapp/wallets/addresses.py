"""A wallet's addresses, used and unused, by branch."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from indexer.chain.address import address_of
from wallet.keys import Branch
from webapp.wallets.owned import Place, Run
from webapp.wallets.snapshot import Snapshot

Shown = Literal["all", "used", "unused", "funded"]

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class AddressLine:
    """One script. `payments`: transactions that paid it, so that more than one is reuse."""

    place: Place
    address: str
    transactions: int
    payments: int
    coins: int
    balance: int  # unconfirmed coins too, less those that an unconfirmed transaction spends


@dataclass(frozen=True, slots=True)
class AddressList:
    """Up to AT_ONCE lines from one position on; `next_start` begins the page that follows."""

    lines: tuple[AddressLine, ...]
    next_start: int | None


def list_addresses(
    snapshot: Snapshot, account_id: int, branch: Branch, shown: Shown, start: int
) -> AddressList:
    """In the order of derivation."""
    run = snapshot.owned.run(account_id, branch)
    transactions, payments = _counts(snapshot, run)
    coins, balances = _held(snapshot, run)
    wanted = [
        position
        for position in range(start, run.count)
        if _is_wanted(shown, transactions[position], coins[position])
    ]
    lines = tuple(
        AddressLine(
            Place(account_id, branch, position),
            _address(snapshot, run, position),
            transactions[position],
            payments[position],
            coins[position],
            balances[position],
        )
        for position in wanted[:AT_ONCE]
    )
    return AddressList(lines, wanted[AT_ONCE] if len(wanted) > AT_ONCE else None)


def _is_wanted(shown: Shown, transactions: int, coins: int) -> bool:
    match shown:
        case "all":
            return True
        case "used":
            return transactions > 0
        case "unused":
            return transactions == 0
        case "funded":
            return coins > 0


def _counts(snapshot: Snapshot, run: Run) -> tuple[Counter[int], Counter[int]]:
    """Transactions, and those that paid, by position."""
    end = run.first + run.count
    moved = snapshot.settled.movements
    seen = [
        (place - run.first, received)
        for place, received in zip(moved.places, moved.received, strict=True)
        if run.first <= place < end
    ]
    seen += [
        (each.place - run.first, each.received)
        for each in snapshot.pending.movements
        if run.first <= each.place < end
    ]
    return (
        Counter(position for position, _received in seen),
        Counter(position for position, received in seen if received),
    )


def _held(snapshot: Snapshot, run: Run) -> tuple[Counter[int], Counter[int]]:
    coins: Counter[int] = Counter()
    balances: Counter[int] = Counter()
    for coin in snapshot.coins:
        place = coin.place
        if (place.account_id, place.branch) == (run.account_id, run.branch) and not coin.spent_by:
            coins[place.position] += 1
            balances[place.position] += coin.value
    return coins, balances


def _address(snapshot: Snapshot, run: Run, position: int) -> str:
    address = address_of(snapshot.owned.wanted.scripts[run.first + position], snapshot.network)
    assert address is not None  # every kind of script that a descriptor gives has one
    return address
