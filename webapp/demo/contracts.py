"""The members' less usual scripts: keys laid bare, several signers, timelocks, script trees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from coincurve import PrivateKey

from indexer.chain.script import push, push_number
from wallet.keys import Account, Branch
from wallet.spending import (
    Spend,
    TaprootSpend,
    Wrapper,
    locked_for,
    locked_until,
    multisig,
    p2pk,
)
from wallet.taproot import Leaf, Tree, x_only
from webapp.demo.cast import AMIRA, EXCHANGE, PIONEER, SOCIETY, Member
from webapp.demo.purse import Purse, Series

_BLOCKS_PER_LOCK = 6
_LOCKS = 2_000
_WAIT_BLOCKS = 5
_WAIT_TIME = 1 << 22 | 2  # twice 512 seconds
_CHECKSIG, _CHECKSIGADD, _NUMEQUAL = b"\xac", b"\xba", b"\x9c"
_CHECKSEQUENCEVERIFY_DROP = b"\xb2\x75"

Make = Callable[[int], Spend]


@dataclass(frozen=True, slots=True)
class Contract:
    """A series of scripts that a purse pays into now and spends from later."""

    name: str
    purse: Purse
    series: Series
    # The height a script of the series is locked until is its index times this.
    blocks_per_lock: int = 0

    def script(self, height: int) -> bytes:
        """The script to pay into when the chain has this height."""
        if self.blocks_per_lock:
            locks = height // self.blocks_per_lock + 2
            return self.series.script_at(min(locks, _LOCKS - 1))
        return self.series.script()


class Contracts:
    def __init__(self, purses: Mapping[Member, Purse]) -> None:
        pioneer, society = purses[PIONEER], purses[SOCIETY]
        exchange, amira = purses[EXCHANGE], purses[AMIRA]
        # The first coins went to keys laid bare, the very first to uncompressed ones.
        keys = pioneer.account_for(1)
        self.bare_key = pioneer.series(
            lambda index: p2pk(keys.key(Branch.RECEIVE, index), compressed=index > 3), 20
        )
        self.all = (
            Contract("P2PK", pioneer, self.bare_key),
            _contract("bare multisig 1-of-2", society, _multisig(society, 1, 1, 2, Wrapper.BARE)),
            _contract("P2SH multisig 2-of-3", society, _multisig(society, 2, 2, 3, Wrapper.P2SH)),
            _contract("P2WSH multisig 2-of-3", exchange, _multisig(exchange, 1, 2, 3)),
            _contract("P2WSH multisig 3-of-5", exchange, _multisig(exchange, 2, 3, 5)),
            _contract("P2TR script tree", amira, _script_tree(amira.account_for(1))),
            _locked_until("P2WSH until a height", amira, 2, Wrapper.P2WSH),
            _locked_until("P2SH until a height", society, 3, Wrapper.P2SH),
            _contract("P2WSH for some blocks", amira, _locked_for(amira, 3, _WAIT_BLOCKS)),
            _contract("P2WSH for some time", amira, _locked_for(amira, 4, _WAIT_TIME)),
        )


def _contract(name: str, purse: Purse, make: Make) -> Contract:
    return Contract(name, purse, purse.series(make, 40))


def _multisig(
    purse: Purse, account: int, required: int, count: int, wrapper: Wrapper = Wrapper.P2WSH
) -> Make:
    source = purse.account_for(account)

    def make(index: int) -> Spend:
        keys = [source.key(Branch.RECEIVE, index * count + place) for place in range(count)]
        signing = [(index + place) % count for place in range(required)]
        return multisig(required, keys, wrapper, signing)

    return make


def _locked_until(name: str, purse: Purse, account: int, wrapper: Wrapper) -> Contract:
    key = purse.account_for(account).key(Branch.RECEIVE, 0)
    series = purse.series(
        lambda index: locked_until(key, index * _BLOCKS_PER_LOCK, wrapper), _LOCKS, _LOCKS
    )
    return Contract(name, purse, series, _BLOCKS_PER_LOCK)


def _locked_for(purse: Purse, account: int, sequence: int) -> Make:
    source = purse.account_for(account)
    return lambda index: locked_for(source.key(Branch.RECEIVE, index), sequence)


def _script_tree(source: Account) -> Make:
    """Opened by turns with the key, one heir, one heir after a wait, and two heirs together."""

    def make(index: int) -> Spend:
        owner, first, second = (source.key(Branch.RECEIVE, 3 * index + n) for n in range(3))
        way = index % 4
        if way == 0:
            return TaprootSpend(owner, _heirs(first, second))
        leaf_keys = (first, second) if way == 3 else (first,)
        sequence = _WAIT_BLOCKS if way == 2 else None
        return TaprootSpend(owner, _heirs(first, second), way - 1, leaf_keys, sequence=sequence)

    return make


def _heirs(first: PrivateKey, second: PrivateKey) -> Tree:
    one, other = push(x_only(first)), push(x_only(second))
    alone = one + _CHECKSIG
    later = push_number(_WAIT_BLOCKS) + _CHECKSEQUENCEVERIFY_DROP + one + _CHECKSIG
    together = one + _CHECKSIG + other + _CHECKSIGADD + push_number(2) + _NUMEQUAL
    return Leaf(alone), (Leaf(later), Leaf(together))
