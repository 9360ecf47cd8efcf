"""Addresses that begin with given characters, among the latest outputs of the chain.

No index leads from an address's letters to its outputs, and none is worth its disk: the latest
outputs are read one by one, so that the cost has an end.
"""

from typing import Final

from sqlalchemy import Connection, func, or_, select

from indexer.chain.address import address_of
from indexer.chain.network import Network
from indexer.chain.script import p2pkh, p2sh, witness_script_pubkey
from indexer.schema import output

OUTPUTS_READ: Final = 500_000
SCRIPTS_READ: Final = 2_000  # distinct ones that may begin so
LONGEST_PREFIX: Final = 90

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE58_LENGTHS: Final = range(25, 37)
_HASH_BITS, _CHECKSUM_BITS = 160, 32
_PROGRAM_SIZES: Final = {0: (20, 32), 1: (2, 32)}

Ranges = list[tuple[bytes, bytes]]


def addresses_with_prefix(
    connection: Connection, network: Network, prefix: str, limit: int
) -> list[str]:
    """At most `limit`, sorted: the first of those that the latest OUTPUTS_READ outputs pay."""
    ranges = script_ranges(prefix, network)
    if not ranges:
        return []
    newest = connection.scalar(select(func.max(output.c.output_id)))
    scripts = connection.scalars(
        select(output.c.script)
        .where(output.c.output_id > (newest or 0) - OUTPUTS_READ)
        .where(or_(*(output.c.script.between(low, high) for low, high in ranges)))
        .distinct()
        .limit(SCRIPTS_READ)
    )
    addresses = {address_of(bytes(script), network) for script in scripts}
    return sorted(each for each in addresses if each is not None and each.startswith(prefix))[
        :limit
    ]


def script_ranges(prefix: str, network: Network) -> Ranges:
    """Ranges that hold every scriptPubKey whose address begins so, and perhaps some more."""
    if not prefix or len(prefix) > LONGEST_PREFIX:
        return []
    return _segwit_ranges(prefix, network) + _base58_ranges(prefix, network)


def _segwit_ranges(prefix: str, network: Network) -> Ranges:
    if network.bech32_hrp is None:
        return []
    start = f"{network.bech32_hrp}1"
    data = prefix[len(start) :]
    if not (prefix.startswith(start) or start.startswith(prefix)) or set(data) - set(_BECH32):
        return []
    versions = [_BECH32.index(data[0])] if data else list(_PROGRAM_SIZES)
    bits = "".join(f"{_BECH32.index(letter):05b}" for letter in data[1:])
    ranges = []
    for version in versions:
        for size in _PROGRAM_SIZES.get(version, ()):
            known = bits[: 8 * size]
            low, high = (int(known.ljust(8 * size, digit), 2) for digit in "01")
            ranges.append(
                (
                    witness_script_pubkey(version, low.to_bytes(size, "big")),
                    witness_script_pubkey(version, high.to_bytes(size, "big")),
                )
            )
    return ranges


def _base58_ranges(prefix: str, network: Network) -> Ranges:
    """For each length of an address, the hashes between the prefix with all 1 and all z behind."""
    if set(prefix) - set(_BASE58):
        return []
    ranges = []
    builders = [(network.p2pkh_prefix, p2pkh), (network.p2sh_prefixes[0], p2sh)]
    for length in _BASE58_LENGTHS:
        rest = length - len(prefix)
        if rest < 0:
            continue
        least, most = (_number(prefix + letter * rest) for letter in (_BASE58[0], _BASE58[-1]))
        for version, build in builders:
            first = int.from_bytes(version, "big") << _HASH_BITS
            low = max(least >> _CHECKSUM_BITS, first) - first
            high = min(most >> _CHECKSUM_BITS, first + (1 << _HASH_BITS) - 1) - first
            if low <= high:
                ranges.append((build(low.to_bytes(20, "big")), build(high.to_bytes(20, "big"))))
    return ranges


def _number(text: str) -> int:
    number = 0
    for letter in text:
        number = number * len(_BASE58) + _BASE58.index(letter)
    return number
