"""What somebody may have meant by a hash or an address with a slip of the pen in it.

Every text that differs by one character, or by two neighbours exchanged, is tried. Checksums and
the index leave at most the right one, so that a suggestion is something that exists.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from indexer.chain.address import AddressError, script_of
from indexer.chain.network import Network
from indexer.keys import script_key
from indexer.schema import block, has_txid, mempool_output, mempool_tx, output, tx

HEX = "0123456789abcdef"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LONGEST_ADDRESS = 90
MOST_SUGGESTIONS = 3


def near_hashes(text: str) -> list[bytes]:
    """Hashes in wire order that are one slip away from 63 to 65 hexadecimal digits."""
    variants: Iterator[str]
    if len(text) == 64:
        variants = _substituted(text, HEX)
    elif len(text) == 63:
        variants = _completed(text, HEX)
    else:
        variants = (text[:at] + text[at + 1 :] for at in range(len(text)))
    return [bytes.fromhex(variant)[::-1] for variant in dict.fromkeys(variants)]


def known_transactions(connection: Connection, txids: list[bytes]) -> list[bytes]:
    """Those of the txids that the chain or the mempool has."""
    confirmed = connection.scalars(select(tx.c.txid).where(has_txid(txids))).all()
    pending = connection.scalars(select(mempool_tx.c.txid).where(mempool_tx.c.txid.in_(txids)))
    found = {bytes(txid) for txid in [*confirmed, *pending]}
    return [txid for txid in txids if txid in found][:MOST_SUGGESTIONS]


def known_blocks(connection: Connection, hashes: list[bytes]) -> list[bytes]:
    """Those of the hashes that the best chain has."""
    found = connection.scalars(select(block.c.hash).where(block.c.hash.in_(hashes)))
    return [bytes(each) for each in found][:MOST_SUGGESTIONS]


def near_addresses(connection: Connection, text: str, network: Network) -> list[str]:
    """Addresses one slip away that the chain or the mempool has seen."""
    if len(text) > LONGEST_ADDRESS:
        return []
    prefix = f"{network.bech32_hrp}1"
    variants: Iterator[str] = _slips(text, BASE58)
    if network.bech32_hrp is not None and text.lower().startswith(prefix):
        slips = _slips(text.lower()[len(prefix) :], BECH32)
        variants = (prefix + part for part in slips)
    valid: dict[str, bytes] = {}
    for variant in variants:
        try:
            valid[variant] = script_of(variant, network)
        except AddressError:
            continue
    return [address for address, wanted in valid.items() if _seen(connection, wanted)][
        :MOST_SUGGESTIONS
    ]


def _seen(connection: Connection, wanted: bytes) -> bool:
    key = script_key(wanted)
    for column in (output.c.script_key, mempool_output.c.script_key):
        if connection.scalar(select(column).where(column == key).limit(1)) is not None:
            return True
    return False


def _slips(text: str, alphabet: str) -> Iterator[str]:
    yield from _substituted(text, alphabet)
    for at in range(len(text) - 1):
        yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]
    yield from _completed(text, alphabet)


def _substituted(text: str, alphabet: str) -> Iterator[str]:
    for at, old in enumerate(text):
        for new in alphabet:
            if new != old:
                yield text[:at] + new + text[at + 1 :]


def _completed(text: str, alphabet: str) -> Iterator[str]:
    for at in range(len(text) + 1):
        for new in alphabet:
            yield text[:at] + new + text[at:]
