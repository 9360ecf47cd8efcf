"""The checksum of output descriptors (BIP380)."""

from itertools import islice

_INPUT = (
    "0123456789()[],'/*abcdefgh@:$%{}"
    "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
    'ijklmnopqrstuvwxyzABCDEFGH`#"\\ '
)
_OUTPUT = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_PLACES = {character: place for place, character in enumerate(_INPUT)}
CHECKSUM_LENGTH = 8


def strange_character(text: str) -> str | None:
    """The first character that no descriptor may hold."""
    return next((character for character in text if character not in _PLACES), None)


def checksum(script: str) -> str:
    """The eight characters after the #, of a text without `strange_character`."""
    value = 1
    for symbol in [*_symbols(script), *[0] * CHECKSUM_LENGTH]:
        top = value >> 35
        value = (value & 0x7FFFFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                value ^= generator
    value ^= 1
    return "".join(_OUTPUT[value >> 5 * place & 31] for place in reversed(range(CHECKSUM_LENGTH)))


def _symbols(script: str) -> list[int]:
    """Each character's place in its group and, after every third, the three groups' numbers."""
    symbols = []
    places = iter([_PLACES[character] for character in script])
    while three := list(islice(places, 3)):
        symbols += [place & 31 for place in three]
        groups = 0
        for place in three:
            groups = 3 * groups + (place >> 5)
        symbols.append(groups)
    return symbols
