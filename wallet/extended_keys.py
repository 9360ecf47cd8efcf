"""Extended public keys (BIP32) under every prefix wallets write them with (SLIP-132)."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from bip_utils import Base58ChecksumError, Base58Decoder, Base58Encoder
from coincurve import PublicKey

from indexer.chain.encoding import hash160
from indexer.chain.network import NETWORKS, Network
from wallet.keys import Purpose
from wallet.sentence import said

HARDENED = 0x8000_0000
_SIZE = 78
_WIF_SIZES = (33, 34)
_FEWEST_WORDS = 12
_MAX_LENGTH = 200


class ExtendedKeyProblem(StrEnum):
    """Why a text is no extended public key here."""

    EMPTY = "empty"
    FORM = "form"
    CHECKSUM = "checksum"
    PRIVATE = "private"
    WORDS = "words"
    OTHER_NETWORK = "other_network"
    INVALID = "invalid"


class ExtendedKeyError(ValueError):
    """Not an extended public key of this network. The message never repeats the text.

    `networks` are those where it is one.
    """

    def __init__(
        self, reason: ExtendedKeyProblem, message: str, networks: tuple[Network, ...] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.networks = networks


class KeyPrefix(NamedTuple):
    """How an extended key starts, and what wallets mean by it: nothing, or a kind of output."""

    name: str
    public: bytes
    private: bytes
    purpose: Purpose | None = None
    multisig: bool = False


def _prefix(
    name: str, public: str, private: str, purpose: Purpose | None = None, multisig: bool = False
) -> KeyPrefix:
    return KeyPrefix(name, bytes.fromhex(public), bytes.fromhex(private), purpose, multisig)


_MAIN = (
    _prefix("xpub", "0488b21e", "0488ade4"),
    _prefix("ypub", "049d7cb2", "049d7878", Purpose.P2SH_P2WPKH),
    _prefix("zpub", "04b24746", "04b2430c", Purpose.P2WPKH),
    _prefix("Ypub", "0295b43f", "0295b005", Purpose.P2SH_P2WPKH, multisig=True),
    _prefix("Zpub", "02aa7ed3", "02aa7a99", Purpose.P2WPKH, multisig=True),
)
_TEST = (
    _prefix("tpub", "043587cf", "04358394"),
    _prefix("upub", "044a5262", "044a4e28", Purpose.P2SH_P2WPKH),
    _prefix("vpub", "045f1cf6", "045f18bc", Purpose.P2WPKH),
    _prefix("Upub", "024289ef", "024285b5", Purpose.P2SH_P2WPKH, multisig=True),
    _prefix("Vpub", "02575483", "02575048", Purpose.P2WPKH, multisig=True),
)
# By coin, and by whether it is of value; the first is the one that the coin's node writes.
_PREFIXES: dict[tuple[str, bool], tuple[KeyPrefix, ...]] = {
    ("bitcoin", True): _MAIN,
    ("bitcoin", False): _TEST,
    ("litecoin", True): (
        *_MAIN,
        _prefix("Ltub", "019da462", "019d9cfe", Purpose.P2PKH),
        _prefix("Mtub", "01b26ef6", "01b26792", Purpose.P2SH_P2WPKH),
    ),
    ("litecoin", False): (*_TEST, _prefix("ttub", "0436f6e1", "0436ef7d")),
    ("dogecoin", True): (_prefix("dgub", "02facafd", "02fac398", Purpose.P2PKH),),
    ("dogecoin", False): _TEST[:1],
}


def key_prefixes(network: Network) -> tuple[KeyPrefix, ...]:
    """The prefixes of a network's extended keys, its node's own first."""
    return _PREFIXES[network.coin, network.coin_type != 1]


_PRIVATE = {prefix.private for prefixes in _PREFIXES.values() for prefix in prefixes}
_WIF = {network.wif_prefix for network in NETWORKS.values()}


@dataclass(frozen=True)
class ExtendedKey:
    """A BIP32 public node. `purpose` and `multisig` are what its prefix said, if anything."""

    public_key: bytes
    chain_code: bytes
    depth: int = 0
    parent_fingerprint: bytes = bytes(4)
    child_number: int = 0
    purpose: Purpose | None = field(default=None, compare=False)
    multisig: bool = field(default=False, compare=False)

    @cached_property
    def _point(self) -> PublicKey:
        return PublicKey(self.public_key)

    @cached_property
    def fingerprint(self) -> bytes:
        return hash160(self.public_key)[:4]

    def _child(self, index: int) -> tuple[bytes, bytes]:
        """A child's public key and chain code."""
        if not 0 <= index < HARDENED:
            raise ExtendedKeyError(
                ExtendedKeyProblem.INVALID,
                "hardened steps need the private key; a public key has children 0 to 2147483647",
            )
        digest = hmac.digest(self.chain_code, self.public_key + index.to_bytes(4, "big"), "sha512")
        return self._point.add(digest[:32]).format(), digest[32:]

    def child(self, index: int) -> "ExtendedKey":
        """A child node; ExtendedKeyError for a hardened index."""
        public_key, chain_code = self._child(index)
        return ExtendedKey(public_key, chain_code, self.depth + 1, self.fingerprint, index)

    def descendant(self, path: tuple[int, ...]) -> "ExtendedKey":
        node = self
        for index in path:
            node = node.child(index)
        return node

    def pubkeys(self, start: int, count: int) -> Iterator[bytes]:
        """The public keys of `count` children, compressed: some 25,000 a second."""
        for index in range(start, start + count):
            yield self._child(index)[0]

    def text(self, prefix: KeyPrefix) -> str:
        """Serialised with one of the network's `key_prefixes`."""
        payload = b"".join(
            (
                prefix.public,
                bytes([self.depth]),
                self.parent_fingerprint,
                self.child_number.to_bytes(4, "big"),
                self.chain_code,
                self.public_key,
            )
        )
        written: str = Base58Encoder.CheckEncode(payload)
        return written


def parse_extended_key(text: str, network: Network) -> ExtendedKey:
    """An extended public key of this network; ExtendedKeyError says what else the text is."""
    payload = _payload(text.strip())
    version = payload[:4]
    for prefix in key_prefixes(network):
        if prefix.public == version:
            return _decoded(payload, prefix)
    others = tuple(
        other
        for other in NETWORKS.values()
        if version in {prefix.public for prefix in key_prefixes(other)}
    )
    if not others:
        raise ExtendedKeyError(
            ExtendedKeyProblem.FORM, "no network we know has extended keys that start like this"
        )
    names = ", ".join(other.title for other in others)
    raise ExtendedKeyError(
        ExtendedKeyProblem.OTHER_NETWORK,
        said(
            "this is an extended key of %(names)s, not of %(network)s",
            names=names,
            network=network.title,
        ),
        others,
    )


def _payload(text: str) -> bytes:
    """The 78 bytes of an extended key that is not private."""
    if not text:
        raise ExtendedKeyError(ExtendedKeyProblem.EMPTY, "an extended public key is expected")
    if len(text.split()) >= _FEWEST_WORDS:
        raise ExtendedKeyError(
            ExtendedKeyProblem.WORDS,
            "these look like a wallet's secret words: never give them to a server",
        )
    if len(text) > _MAX_LENGTH:
        raise ExtendedKeyError(
            ExtendedKeyProblem.FORM, "an extended key has 111 characters, this has far more"
        )
    try:
        payload = bytes(Base58Decoder.CheckDecode(text))
    except Base58ChecksumError:
        _refuse_private_start(text)
        raise ExtendedKeyError(
            ExtendedKeyProblem.CHECKSUM, "the checksum is wrong: some character is mistyped"
        ) from None
    except ValueError:
        raise ExtendedKeyError(
            ExtendedKeyProblem.FORM,
            "an extended key is made of letters and digits without 0, O, I and l",
        ) from None
    if payload[:4] in _PRIVATE or (payload[:1] in _WIF and len(payload) in _WIF_SIZES):
        raise _private()
    if len(payload) != _SIZE:
        raise ExtendedKeyError(
            ExtendedKeyProblem.FORM,
            said(
                "an extended key holds %(size)s bytes, this %(found)s",
                size=_SIZE,
                found=len(payload),
            ),
        )
    return payload


def _private() -> ExtendedKeyError:
    return ExtendedKeyError(
        ExtendedKeyProblem.PRIVATE,
        "this is a private key: never give it to a server; its public key is wanted here",
    )


def _refuse_private_start(text: str) -> None:
    """Names a mistyped private key for what it is."""
    if text[1:4].lower() in ("prv", "tpv") or text[:4] == "dgpv":
        raise _private()


def _decoded(payload: bytes, prefix: KeyPrefix) -> ExtendedKey:
    depth, parent, number = payload[4], payload[5:9], int.from_bytes(payload[9:13], "big")
    public_key = payload[45:]
    if depth == 0 and (parent != bytes(4) or number):
        raise ExtendedKeyError(
            ExtendedKeyProblem.INVALID, "a master key has no parent and no number, this has"
        )
    try:
        PublicKey(public_key)
    except ValueError:
        raise ExtendedKeyError(
            ExtendedKeyProblem.INVALID, "this extended key holds no point of the curve"
        ) from None
    return ExtendedKey(
        public_key, payload[13:45], depth, parent, number, prefix.purpose, prefix.multisig
    )
