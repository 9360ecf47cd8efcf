"""HD keys: from a seed to the accounts of BIP44, 49, 84 and 86 and their keys (BIP32)."""

from enum import IntEnum

from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from coincurve import PrivateKey

from indexer.chain.network import Network


class Purpose(IntEnum):
    """What an account's addresses are, by the number of the BIP that defines its path."""

    P2PKH = 44
    P2SH_P2WPKH = 49
    P2WPKH = 84
    P2TR = 86


def purposes_of(network: Network) -> tuple[Purpose, ...]:
    """The kinds of account a network's scripts allow."""
    needs = {Purpose.P2PKH: True, Purpose.P2TR: network.taproot}
    return tuple(purpose for purpose in Purpose if needs.get(purpose, network.segwit))


class Branch(IntEnum):
    RECEIVE = 0
    CHANGE = 1


class KeyNode:
    """A BIP32 private node."""

    def __init__(self, node: Bip32Slip10Secp256k1) -> None:
        self._node = node

    @classmethod
    def master(cls, seed: bytes, network: Network) -> "KeyNode":
        """The master node of a seed, whose extended keys carry the network's versions."""
        versions = Bip32KeyNetVersions(network.xpub_version, network.xprv_version)
        return cls(Bip32Slip10Secp256k1.FromSeed(seed, versions))

    def derive(self, path: str) -> "KeyNode":
        """A descendant, by a path such as 84'/0'/0'."""
        return KeyNode(self._node.DerivePath(path))

    def child(self, index: int) -> "KeyNode":
        return KeyNode(self._node.ChildKey(index))

    @property
    def fingerprint(self) -> bytes:
        return bytes(self._node.FingerPrint())

    @property
    def xpub(self) -> str:
        return str(self._node.PublicKey().ToExtended())

    @property
    def xprv(self) -> str:
        return str(self._node.PrivateKey().ToExtended())

    @property
    def private_key(self) -> PrivateKey:
        return PrivateKey(self._node.PrivateKey().Raw().ToBytes())


class Account:
    """One account of a seed: m / purpose' / coin type' / index'."""

    def __init__(self, master: KeyNode, network: Network, purpose: Purpose, index: int = 0) -> None:
        self.purpose = purpose
        self.network = network
        self.path = f"{purpose.value}'/{network.coin_type}'/{index}'"
        self.node = master.derive(self.path)
        self._branches = {branch: self.node.child(branch) for branch in Branch}

    def key(self, branch: Branch, index: int) -> PrivateKey:
        return self._branches[branch].child(index).private_key
