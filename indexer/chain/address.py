"""Addresses to scripts and back, on every network we know."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bip_utils.base58 import Base58ChecksumError, Base58Decoder, Base58Encoder
from bip_utils.bech32 import Bech32ChecksumError, SegwitBech32Decoder, SegwitBech32Encoder

from indexer.chain.network import NETWORKS, Network
from indexer.chain.script import (
    ScriptType,
    classify,
    p2pkh,
    p2sh,
    witness_program,
    witness_script_pubkey,
)

_MAX_LENGTH: Final = 90  # of a bech32 string
_BASE58: Final = frozenset("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
_BECH32: Final = frozenset("qpzry9x8gf2tvdw0s3jn54khce6mua7l")


class AddressProblem(StrEnum):
    """Why a text is no address here."""

    EMPTY = "empty"
    CHARACTERS = "characters"
    MIXED_CASE = "mixed_case"
    CHECKSUM = "checksum"
    LENGTH = "length"
    UNKNOWN_PREFIX = "unknown_prefix"
    WITNESS_VERSION = "witness_version"
    OTHER_NETWORK = "other_network"
    MWEB = "mweb"


class AddressError(ValueError):
    """Not an address of this network. `networks` are those where it is one."""

    def __init__(
        self, reason: AddressProblem, message: str, networks: tuple[Network, ...] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.networks = networks


@dataclass(frozen=True, slots=True)
class _Base58Address:
    prefix: bytes
    hash: bytes

    def script_on(self, network: Network) -> bytes | None:
        if self.prefix == network.p2pkh_prefix:
            return p2pkh(self.hash)
        return p2sh(self.hash) if self.prefix in network.p2sh_prefixes else None


@dataclass(frozen=True, slots=True)
class _SegwitAddress:
    hrp: str
    version: int
    program: bytes

    def script_on(self, network: Network) -> bytes | None:
        if self.hrp != network.bech32_hrp:
            return None
        return witness_script_pubkey(self.version, self.program)


def address_of(script: bytes, network: Network) -> str | None:
    """The address of a scriptPubKey; None for those that have none, as Core sees it."""
    match classify(script, network):
        case ScriptType.P2PKH:
            return _base58(network.p2pkh_prefix + script[3:23])
        case ScriptType.P2SH:
            return _base58(network.p2sh_prefixes[0] + script[2:22])
        case ScriptType.NONSTANDARD | ScriptType.MWEB_PEGIN | ScriptType.MWEB_HOGADDR:
            return None
    program = witness_program(script)
    if program is None or network.bech32_hrp is None:
        return None
    address: str = SegwitBech32Encoder.Encode(network.bech32_hrp, *program)
    return address


def script_of(address: str, network: Network) -> bytes:
    """The scriptPubKey an address stands for; AddressError says what is wrong with it."""
    parsed = _parse(address)
    script = parsed.script_on(network)
    if script is not None:
        return script
    others = tuple(other for other in NETWORKS.values() if parsed.script_on(other) is not None)
    if not others:
        raise AddressError(
            AddressProblem.UNKNOWN_PREFIX, "no network we know has addresses that start like this"
        )
    names = ", ".join(other.title for other in others)
    raise AddressError(
        AddressProblem.OTHER_NETWORK,
        f"this is an address of {names}, not of {network.title}",
        others,
    )


def networks_of(address: str) -> list[Network]:
    """The networks where a text is an address; none for a text that is no address."""
    try:
        parsed = _parse(address)
    except AddressError:
        return []
    return [network for network in NETWORKS.values() if parsed.script_on(network) is not None]


def _base58(payload: bytes) -> str:
    text: str = Base58Encoder.CheckEncode(payload)
    return text


def _parse(address: str) -> _Base58Address | _SegwitAddress:
    if not address:
        raise AddressError(AddressProblem.EMPTY, "an address is expected")
    hrp = address[: address.rfind("1")].lower() if "1" in address else ""
    mweb = tuple(network for network in NETWORKS.values() if hrp and hrp == network.mweb_hrp)
    if mweb:
        raise AddressError(
            AddressProblem.MWEB, "this is an MWEB address: what it receives is confidential", mweb
        )
    if len(address) > _MAX_LENGTH:
        raise AddressError(
            AddressProblem.LENGTH, f"{len(address)} characters are too many for an address"
        )
    if any(hrp and hrp == network.bech32_hrp for network in NETWORKS.values()):
        return _parse_segwit(address, hrp)
    return _parse_base58(address)


def _parse_segwit(address: str, hrp: str) -> _SegwitAddress:
    if address not in (address.lower(), address.upper()):
        raise AddressError(
            AddressProblem.MIXED_CASE, "capital and small letters may not be mixed in this address"
        )
    data = address[len(hrp) + 1 :].lower()
    strange = sorted(set(data) - _BECH32)
    if strange:
        raise AddressError(
            AddressProblem.CHARACTERS, f"{strange[0]!r} does not occur in such an address"
        )
    try:
        version, program = SegwitBech32Decoder.Decode(hrp, address)
    except Bech32ChecksumError:
        raise AddressError(
            AddressProblem.CHECKSUM, "the checksum is wrong: some character is mistyped"
        ) from None
    except ValueError:
        if data and "qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(data[0]) > 16:
            raise AddressError(
                AddressProblem.WITNESS_VERSION, "witness versions reach from 0 to 16"
            ) from None
        raise AddressError(AddressProblem.LENGTH, "this address is cut short or too long") from None
    return _SegwitAddress(hrp, version, program)


def _parse_base58(address: str) -> _Base58Address:
    strange = sorted(set(address) - _BASE58)
    if strange:
        raise AddressError(
            AddressProblem.CHARACTERS, f"{strange[0]!r} does not occur in an address"
        )
    try:
        payload = Base58Decoder.CheckDecode(address)
    except Base58ChecksumError:
        raise AddressError(
            AddressProblem.CHECKSUM, "the checksum is wrong: some character is mistyped or missing"
        ) from None
    if len(payload) != 21:
        raise AddressError(
            AddressProblem.LENGTH, f"an address holds 21 bytes, this holds {len(payload)}"
        )
    return _Base58Address(payload[:1], payload[1:])
