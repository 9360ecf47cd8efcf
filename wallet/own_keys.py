"""What our own master key makes: the output at a path, and the key that spends it."""

from collections.abc import Sequence

from coincurve import PrivateKey

from indexer.chain.network import Network
from wallet.descriptor import DerivedOutput, Descriptor
from wallet.descriptor_keys import Path, write_path
from wallet.extended_keys import HARDENED
from wallet.keys import Account, Branch, KeyNode, Purpose, purposes_of

MAX_ACCOUNT = 999


class OwnKeys:
    """A master key, its accounts, and the multisig wallets it takes part in.

    A multisig wallet must be told of by its descriptor: which keys of others belong to it cannot be
    known from ours.
    """

    def __init__(
        self, master: KeyNode, network: Network, multisig: Sequence[Descriptor] = ()
    ) -> None:
        self.network = network
        self.fingerprint = master.fingerprint
        self._master = master
        self._multisig = tuple(multisig)
        self._accounts: dict[Path, Descriptor] = {}
        self._nodes: dict[Path, KeyNode] = {}

    def output(self, path: Path) -> DerivedOutput | None:
        """What is paid to our key at this path; None if no wallet of ours has such a path."""
        place = _branch_and_index(path)
        if place is None:
            return None
        branch, index = place
        descriptors = (*self._multisig, self._account(path[:-2]))
        for descriptor in descriptors:
            if descriptor is not None and self._is_at(descriptor, branch, path):
                return descriptor.derive(branch, index)
        return None

    def private_key(self, path: Path) -> PrivateKey:
        node = self._nodes.get(path[:-1])
        if node is None:
            node = self._nodes[path[:-1]] = self._master.derive(write_path(path[:-1]))
        return node.child(path[-1]).private_key

    def _is_at(self, descriptor: Descriptor, branch: Branch, path: Path) -> bool:
        return any(
            key.fingerprint == self.fingerprint and (*key.origin, *key.paths[branch]) == path[:-1]
            for key in descriptor.keys
        )

    def _account(self, origin: Path) -> Descriptor | None:
        if origin not in self._accounts:
            named = _account_name(origin, self.network)
            if named is None:
                return None
            account = Account(self._master, self.network, *named)
            self._accounts[origin] = Descriptor.of_account(
                named[0], account.node.xpub, self.fingerprint, account.path, self.network
            )
        return self._accounts[origin]


def _branch_and_index(path: Path) -> tuple[Branch, int] | None:
    if len(path) < 2 or path[-2] not in (Branch.RECEIVE, Branch.CHANGE) or path[-1] >= HARDENED:
        return None
    return Branch(path[-2]), path[-1]


def _account_name(origin: Path, network: Network) -> tuple[Purpose, int] | None:
    """Purpose and number of an account of ours by its path, all three steps hardened."""
    if len(origin) != 3 or min(origin) < HARDENED:
        return None
    purpose, coin_type, number = (step - HARDENED for step in origin)
    known = {each.value: each for each in purposes_of(network)}
    if purpose not in known or coin_type != network.coin_type or number > MAX_ACCOUNT:
        return None
    return known[purpose], number
