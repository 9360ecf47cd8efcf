"""One member's wallet: series of scripts, handed out in order, and the coins that lie on them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from indexer.chain.network import Network
from wallet.builder import Coin
from wallet.keys import Account, Branch, KeyNode
from wallet.seed import seed_of_words
from wallet.spending import Spend, of_account
from webapp.demo.cast import Member, mnemonic_of

GAP_LIMIT = 20
# A series begins again after so many scripts, so that a demo of many days stays small.
SERIES_LENGTH = 300

Outpoint = tuple[bytes, int]


class Owned(NamedTuple):
    """A script of somebody's."""

    purse: "Purse"
    series: "Series"
    place: int  # in the series
    spend: Spend


@dataclass(slots=True)
class HeldCoin:
    """A coin of a purse. `height` is None while unconfirmed."""

    coin: Coin
    owned: Owned
    height: int | None
    coinbase: bool

    @property
    def value(self) -> int:
        return self.coin.value


class Series:
    """Scripts of one kind. The last used one and `gap` more after it are watched."""

    def __init__(
        self,
        purse: "Purse",
        make: Callable[[int], Spend],
        watched: dict[bytes, Owned],
        length: int = SERIES_LENGTH,
        gap: int = GAP_LIMIT,
    ) -> None:
        self._purse = purse
        self._make = make
        self._watched = watched
        self._length = length
        self._gap = gap
        self._spends: list[Spend] = []
        self._next = 0
        self._extend(gap)

    def _extend(self, count: int) -> None:
        for index in range(len(self._spends), min(count, self._length)):
            spend = self._make(index)
            self._spends.append(spend)
            self._watched[spend.script] = Owned(self._purse, self, index, spend)

    def script(self, ahead: int = 0) -> bytes:
        """The next unused script, or one some places after it (fewer than the gap limit)."""
        return self._spends[(self._next + ahead) % self._length].script

    def script_at(self, index: int) -> bytes:
        """A certain script, which must be among the watched ones."""
        return self._spends[index].script

    def used(self, index: int) -> None:
        """A transaction pays the script with this index."""
        expected = self._next % self._length
        if index >= expected:
            self._next += index - expected + 1
            self._extend(index + 1 + self._gap)


class Purse:
    """A member's keys and coins. `coins` holds unconfirmed ones too, in the order they came."""

    def __init__(
        self, member: Member, seed: str, network: Network, watched: dict[bytes, Owned]
    ) -> None:
        self.member = member
        self.coins: dict[Outpoint, HeldCoin] = {}
        self._network = network
        self._watched = watched
        self._master = KeyNode.master(seed_of_words(mnemonic_of(member, seed)), network)
        self.account = Account(self._master, network, member.purpose)
        self.receive = self.series(self._of_branch(Branch.RECEIVE))
        self.change = self.series(self._of_branch(Branch.CHANGE))
        self.ordinary: tuple[Series, ...] = (self.receive, self.change)

    def __repr__(self) -> str:
        return f"<Purse {self.member.name}>"

    def series(
        self, make: Callable[[int], Spend], length: int = SERIES_LENGTH, gap: int = GAP_LIMIT
    ) -> Series:
        return Series(self, make, self._watched, length, gap)

    def _of_branch(self, branch: Branch) -> Callable[[int], Spend]:
        return lambda index: of_account(self.member.purpose, self.account.key(branch, index))

    def account_for(self, index: int) -> Account:
        """An account whose keys go into scripts, so that they meet no address of the first."""
        return Account(self._master, self._network, self.member.purpose, index)

    @property
    def balance(self) -> int:
        return sum(held.value for held in self.coins.values())
