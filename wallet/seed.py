"""Mnemonic words and the seed they stand for (BIP39)."""

import unicodedata
from functools import lru_cache

from mnemonic import Mnemonic

WORD_COUNTS = (12, 15, 18, 21, 24)


class MnemonicError(ValueError):
    """The words are not a valid mnemonic. The message says why."""


@lru_cache
def _book(language: str) -> Mnemonic:
    # Some of the library's lists are not in the normal form that it compares with.
    words = Mnemonic(language).wordlist
    return Mnemonic(language, [unicodedata.normalize("NFKD", word) for word in words])


def words_of_entropy(entropy: bytes, language: str = "english") -> str:
    """The mnemonic of 16, 20, 24, 28 or 32 bytes of entropy."""
    return str(_book(language).to_mnemonic(entropy))


def normalised(words: str) -> str:
    """Words as BIP39 hashes them, whatever spaces and letter case they were typed with."""
    return unicodedata.normalize("NFKD", " ".join(words.lower().split()))


def seed_of_words(words: str, passphrase: str = "", language: str = "english") -> bytes:
    """The 64-byte seed; MnemonicError if a word or the checksum is wrong."""
    typed = normalised(words)
    listed = typed.split(" ")
    if len(listed) not in WORD_COUNTS:
        raise MnemonicError(f"a mnemonic has 12, 15, 18, 21 or 24 words; this has {len(listed)}")
    book = _book(language)
    for position, word in enumerate(listed, 1):
        if word not in book.wordlist:
            raise MnemonicError(f"word {position} is not in the {language} list: {word!r}")
    if not book.check(typed):
        raise MnemonicError("the checksum is wrong: a word is mistyped or two are swapped")
    return bytes(Mnemonic.to_seed(typed, passphrase))
