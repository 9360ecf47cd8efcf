"""Output descriptors of wallets: what their scripts are and which keys make them.

BIP380 to 386 and 389, as far as wallets use them: a receive and a change branch of extended keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from indexer.chain.network import Network
from wallet.descriptor_keys import (
    DescriptorError,
    KeyExpression,
    Path,
    join_branches,
    parse_origin,
    parse_path,
    read_key,
    with_both_branches,
)
from wallet.descriptor_text import parse_text, write_text
from wallet.keys import Branch, Purpose, purposes_of
from wallet.output_scripts import DescriptorKind, output_scripts
from wallet.sentence import said

__all__ = ["DerivedOutput", "Descriptor", "DescriptorError", "DescriptorKind", "KeyOrigin"]

_BOTH_BRANCHES = ((int(Branch.RECEIVE),), (int(Branch.CHANGE),))


_PURPOSES = {
    DescriptorKind.PKH: Purpose.P2PKH,
    DescriptorKind.SH_WPKH: Purpose.P2SH_P2WPKH,
    DescriptorKind.WPKH: Purpose.P2WPKH,
    DescriptorKind.TR: Purpose.P2TR,
}
_KINDS = {purpose: kind for kind, purpose in _PURPOSES.items()}


class KeyOrigin(NamedTuple):
    """A compressed public key and the steps to it from the master key of a fingerprint."""

    pubkey: bytes
    fingerprint: bytes
    path: Path


@dataclass(frozen=True, slots=True)
class DerivedOutput:
    """One output of a descriptor, with all that a PSBT says about it."""

    script: bytes
    redeem_script: bytes | None
    witness_script: bytes | None
    internal_key: bytes | None
    keys: tuple[KeyOrigin, ...]
    kind: DescriptorKind


@dataclass(frozen=True)
class Descriptor:
    """A wallet's receive and change addresses. `required` is m of a multisig's m of n, else 1."""

    kind: DescriptorKind
    keys: tuple[KeyExpression, ...]
    network: Network
    required: int = 1

    @classmethod
    def parse(cls, text: str, network: Network) -> "Descriptor":
        """From one descriptor with <a;b>, or from two that differ in their branch only.

        A checksum is checked where there is one. DescriptorError says what is wrong.
        """
        parts = [part for line in text.splitlines() for part in [line.strip()] if part]
        if not parts:
            raise DescriptorError("a descriptor is expected")
        if len(parts) > 2:
            raise DescriptorError(
                said("one descriptor is expected, or two; these are %(count)s", count=len(parts))
            )
        kind, required, keys = parse_text(parts[0], network)
        if len(parts) == 1:
            return cls(kind, with_both_branches(keys), network, required)
        change = parse_text(parts[1], network)
        if change[:2] != (kind, required):
            raise DescriptorError("the two descriptors are of different kinds")
        return cls(kind, join_branches(keys, change.keys), network, required)

    @classmethod
    def of_account(
        cls, purpose: Purpose, xpub: str, fingerprint: bytes, path: str, network: Network
    ) -> "Descriptor":
        """An account's usual descriptor: its key, then <0;1>/*. `path` such as 84h/1h/0h."""
        _refuse_unknown_purpose(purpose, network)
        key = read_key(xpub, network)
        expression = KeyExpression(fingerprint, parse_path(path), key, _BOTH_BRANCHES)
        return cls(_KINDS[purpose], (expression,), network)

    @classmethod
    def of_pasted(cls, text: str, network: Network, purpose: Purpose | None = None) -> "Descriptor":
        """From a descriptor, or from an extended key with or without [fingerprint/path].

        What a key's prefix says (zpub: P2WPKH) goes before `purpose`; for a key whose prefix says
        nothing, DescriptorError without it.
        """
        text = text.strip()
        if "(" in text:
            return cls.parse(text, network)
        fingerprint, origin, encoded = parse_origin(text)
        key = read_key(encoded, network)
        if key.multisig:
            raise DescriptorError(
                "this is one key of a multisig wallet: its descriptor with all keys is needed"
            )
        meant = key.purpose or purpose
        if meant is None:
            raise DescriptorError("this key does not say which addresses it is for: choose a kind")
        _refuse_unknown_purpose(meant, network)
        origin_of = key.fingerprint if fingerprint is None else fingerprint
        expression = KeyExpression(origin_of, origin, key, _BOTH_BRANCHES)
        return cls(_KINDS[meant], (expression,), network)

    @property
    def purpose(self) -> Purpose | None:
        """The purpose of accounts with such outputs; None for multisig."""
        return _PURPOSES.get(self.kind)

    @cached_property
    def text(self) -> str:
        """Canonical: hardened steps with h, xpub or tpub, checksum."""
        return self._text(None)

    @property
    def receive_text(self) -> str:
        """The receive branch alone, for wallets that do not read <0;1>."""
        return self._text(Branch.RECEIVE)

    @property
    def change_text(self) -> str:
        return self._text(Branch.CHANGE)

    def _text(self, branch: Branch | None) -> str:
        keys = [key.text(self.network, branch) for key in self.keys]
        return write_text(self.kind, self.required, keys)

    def scripts(self, branch: Branch, start: int, count: int) -> list[bytes]:
        """The scriptPubKeys at branch/start and on; some 15,000 a second for one key."""
        return [
            output_scripts(self.kind, pubkeys, self.required).script
            for pubkeys in self._pubkeys(branch, start, count)
        ]

    def derive(self, branch: Branch, index: int) -> DerivedOutput:
        """The output at branch/index."""
        pubkeys = next(self._pubkeys(branch, index, 1))
        origins = tuple(
            KeyOrigin(pubkey, key.fingerprint, (*key.origin, *key.paths[branch], index))
            for pubkey, key in zip(pubkeys, self.keys, strict=True)
        )
        made = output_scripts(self.kind, pubkeys, self.required)
        return DerivedOutput(*made, origins, self.kind)

    def _pubkeys(self, branch: Branch, start: int, count: int) -> Iterator[tuple[bytes, ...]]:
        """The keys of each output, in the descriptor's order."""
        return zip(*(key.nodes[branch].pubkeys(start, count) for key in self.keys), strict=True)


def _refuse_unknown_purpose(purpose: Purpose, network: Network) -> None:
    if purpose not in purposes_of(network):
        raise DescriptorError(
            said(
                "%(network)s has no addresses of kind %(kind)s",
                network=network.title,
                kind=_KINDS[purpose].value,
            )
        )
