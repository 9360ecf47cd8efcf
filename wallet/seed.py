"""Mnemonic words and the seed they stand for (BIP39)."""

import unicodedata
from functools import lru_cache

from mnemonic import Mnemonic

WORD_COUNTS = (12, 15, 18, 21, 24)


class MnemonicError(ValueError):
    """The words are not a valid mnemonic. The message says why."""


LANGUAGES: tuple[str, ...] = tuple(sorted(Mnemonic.list_languages()))


@lru_cache
def _book(language: str) -> Mnemonic:
    # Some of the library's lists are not in the normal form that it compares with.
    words = Mnemonic(language).wordlist
    return Mnemonic(language, [unicodedata.normalize("NFKD", word) for word in words])


@lru_cache
def _word_set(language: str) -> frozenset[str]:
    return frozenset(_book(language).wordlist)


def words_of_entropy(entropy: bytes, language: str = "english") -> str:
    """The mnemonic of 16, 20, 24, 28 or 32 bytes of entropy."""
    return str(_book(language).to_mnemonic(entropy))


def normalised(words: str) -> str:
    """Words as BIP39 hashes them, whatever spaces and letter case they were typed with."""
    return unicodedata.normalize("NFKD", " ".join(words.lower().split()))


def languages_of(words: str) -> tuple[str, ...]:
    """The languages whose lists hold all these words: several for some, none for others."""
    typed = set(normalised(words).split(" "))
    return tuple(language for language in LANGUAGES if typed <= _word_set(language))


def seed_of_words(words: str, passphrase: str = "", language: str | None = None) -> bytes:
    """The 64-byte seed; MnemonicError if a word or the checksum is wrong.

    Without a language any will do: words that two lists share stand for one seed anyway. The
    message names wrong words by their places only.
    """
    typed = normalised(words)
    listed = typed.split(" ")
    if len(listed) not in WORD_COUNTS:
        count = len(listed) if typed else 0
        raise MnemonicError(f"a mnemonic has 12, 15, 18, 21 or 24 words; this has {count}")
    languages = (language,) if language else languages_of(typed)
    closest = language or max(LANGUAGES, key=lambda each: len(_word_set(each) & set(listed)))
    for position, word in enumerate(listed, 1):
        if word not in _word_set(closest):
            raise MnemonicError(f"word {position} is not in the {closest} list")
    if not any(_book(each).check(typed) for each in languages):
        raise MnemonicError("the checksum is wrong: a word is mistyped or two are swapped")
    return bytes(Mnemonic.to_seed(typed, passphrase))
