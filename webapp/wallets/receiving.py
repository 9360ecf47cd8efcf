"""Where a wallet receives: one of its addresses, what came in there, and what follows it."""

from dataclasses import dataclass

from indexer.chain.address import address_of
from wallet.keys import Branch
from webapp.wallets.snapshot import AccountState, Snapshot


@dataclass(frozen=True, slots=True)
class Received:
    """What an address was ever paid. `pending` is not in a block yet."""

    confirmed: int
    pending: int

    @property
    def anything(self) -> bool:
        return bool(self.confirmed or self.pending)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An address that was offered before and has not been paid."""

    position: int
    address: str


@dataclass(frozen=True, slots=True)
class ReceivePlace:
    """One receive address. `can_move_on`: the next one is still within the gap limit."""

    state: AccountState
    position: int
    script: bytes
    address: str
    received: Received
    waiting: tuple[Waiting, ...]
    can_move_on: bool


def receive_place(snapshot: Snapshot, state: AccountState, position: int) -> ReceivePlace:
    """The address at a position. IndexError beyond what the wallet looks at."""
    account_id = state.account.id
    script = snapshot.owned.script(account_id, Branch.RECEIVE, position)
    scan = state.receive.scan
    first_unused = 0 if scan.last_used is None else scan.last_used + 1
    offered = range(first_unused, state.receive.next_position + 1)
    return ReceivePlace(
        state,
        position,
        script,
        _address(snapshot, script),
        _received(snapshot, account_id, position),
        tuple(
            Waiting(
                each, _address(snapshot, snapshot.owned.script(account_id, Branch.RECEIVE, each))
            )
            for each in offered
            if each != position
        ),
        state.receive.next_position + 1 < scan.looked,
    )


def _address(snapshot: Snapshot, script: bytes) -> str:
    address = address_of(script, snapshot.network)
    assert address is not None  # descriptors make no other scripts
    return address


def _received(snapshot: Snapshot, account_id: int, position: int) -> Received:
    place = snapshot.owned.run(account_id, Branch.RECEIVE).first + position
    moved = snapshot.settled.movements
    confirmed = 0
    if place in moved.places:
        confirmed = sum(
            value for at, value in zip(moved.places, moved.received, strict=True) if at == place
        )
    pending = sum(each.received for each in snapshot.pending.movements if each.place == place)
    return Received(confirmed, pending)
