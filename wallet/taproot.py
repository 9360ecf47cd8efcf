"""Taproot outputs: script trees, the tweak they make and the control blocks that open them.

BIP340 (tagged hashes, x-only keys) and BIP341.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

from coincurve import PrivateKey, PublicKey

from indexer.chain.encoding import encode_bytes

TAPSCRIPT = 0xC0
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@lru_cache
def _tag_prefix(tag: str) -> bytes:
    return sha256(tag.encode()).digest() * 2


def tagged_hash(tag: str, message: bytes) -> bytes:
    return sha256(_tag_prefix(tag) + message).digest()


@dataclass(frozen=True, slots=True)
class Leaf:
    script: bytes
    version: int = TAPSCRIPT

    @property
    def hash(self) -> bytes:
        return tagged_hash("TapLeaf", bytes([self.version]) + encode_bytes(self.script))


Tree: TypeAlias = "Leaf | tuple[Tree, Tree]"
MaybeTree: TypeAlias = "Tree | None"


def _branch(left: bytes, right: bytes) -> bytes:
    return tagged_hash("TapBranch", min(left, right) + max(left, right))


def _walk(tree: Tree) -> tuple[bytes, list[tuple[Leaf, bytes]]]:
    """The tree's hash and, for each leaf from left to right, its path to the root."""
    if isinstance(tree, Leaf):
        return tree.hash, [(tree, b"")]
    left, right = tree
    left_hash, left_paths = _walk(left)
    right_hash, right_paths = _walk(right)
    paths = [(leaf, path + right_hash) for leaf, path in left_paths]
    paths += [(leaf, path + left_hash) for leaf, path in right_paths]
    return _branch(left_hash, right_hash), paths


def merkle_root(tree: MaybeTree) -> bytes:
    """The root the output key commits to; empty without scripts."""
    return b"" if tree is None else _walk(tree)[0]


def tweak_of(internal_key: bytes, root: bytes) -> bytes:
    return tagged_hash("TapTweak", internal_key + root)


def output_key(internal_key: bytes, root: bytes) -> tuple[bytes, int]:
    """The x-only key of the output and the parity of its y."""
    point = PublicKey(b"\x02" + internal_key).add(tweak_of(internal_key, root)).format()
    return point[1:], point[0] & 1


def control_blocks(internal_key: bytes, tree: Tree) -> list[tuple[Leaf, bytes]]:
    """Each leaf, left to right, with the control block that a spend by it shows."""
    root, paths = _walk(tree)
    _, parity = output_key(internal_key, root)
    return [(leaf, bytes([leaf.version | parity]) + internal_key + path) for leaf, path in paths]


def x_only(key: PrivateKey) -> bytes:
    return key.public_key_xonly.format()


def tweaked(key: PrivateKey, root: bytes) -> PrivateKey:
    """The private key that signs a key-path spend."""
    secret = key.secret
    if key.public_key.format()[0] == 3:
        secret = (_CURVE_ORDER - int.from_bytes(secret, "big")).to_bytes(32, "big")
    return PrivateKey(secret).add(tweak_of(x_only(key), root))
