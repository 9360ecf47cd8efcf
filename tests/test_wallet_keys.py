"""Mnemonics, BIP32 and the accounts of BIP44, 49, 84 and 86 against the standards' vectors."""

import json
from pathlib import Path

import pytest
from bip_utils import Base58Decoder, SegwitBech32Decoder

from indexer.chain.network import Network, get_network
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.seed import (
    LANGUAGES,
    WORD_COUNTS,
    MnemonicError,
    languages_of,
    normalised,
    seed_of_words,
    words_of_entropy,
)
from wallet.spending import of_account

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
MAIN = get_network("bitcoin-main")
REGTEST = get_network("bitcoin-regtest")
ABANDON = "abandon " * 11 + "about"

BIP39 = json.loads((VECTORS / "bip39_vectors.json").read_text())


@pytest.mark.parametrize("language", BIP39)
def test_bip39_vectors(language: str) -> None:
    for entropy, words, seed, xprv in BIP39[language]:
        assert normalised(words_of_entropy(bytes.fromhex(entropy), language)) == normalised(words)
        assert seed_of_words(words, "TREZOR", language).hex() == seed
        assert KeyNode.master(bytes.fromhex(seed), MAIN).xprv == xprv


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("abandon " * 11 + "abandon", "checksum"),
        ("abandon " * 11, "this has 11"),
        ("abandon " * 11 + "abuot", "word 12"),
        ("", "words"),
    ],
)
def test_wrong_words_are_told(words: str, reason: str) -> None:
    with pytest.raises(MnemonicError, match=reason):
        seed_of_words(words)


def test_spaces_and_capitals_are_forgiven() -> None:
    assert seed_of_words(f"  {ABANDON.upper()}\n") == seed_of_words(ABANDON)


def test_a_wrong_word_is_not_repeated() -> None:
    with pytest.raises(MnemonicError) as caught:
        seed_of_words("abandon " * 11 + "hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [16, 20, 24, 28, 32])
def test_words_of_every_language_and_number(language: str, size: int) -> None:
    entropy = bytes(range(7 * size % 251, 7 * size % 251 + size))
    words = words_of_entropy(entropy, language)
    assert language in languages_of(words)
    assert len(normalised(words).split()) in WORD_COUNTS
    capitals = words if language == "turkish" else words.upper()  # its I is the capital of ı
    found = seed_of_words(capitals.replace(" ", "\u3000 "), "Zürich")
    assert found == seed_of_words(words, "Zu\u0308rich", language)


def test_words_that_two_languages_share() -> None:
    # The two Chinese lists have 1,275 words in common; the seed is that of the words alone.
    shared = [
        words
        for number in range(256)
        for words in [words_of_entropy(bytes([number]) * 16, "chinese_simplified")]
        if "chinese_traditional" in languages_of(words)
    ]
    assert shared
    for words in shared:
        assert set(languages_of(words)) == {"chinese_simplified", "chinese_traditional"}
        assert seed_of_words(words) == seed_of_words(words, language="chinese_simplified")


def test_words_of_no_language_are_told_by_the_nearest() -> None:
    words = words_of_entropy(bytes(16), "spanish").split()
    with pytest.raises(MnemonicError, match="word 3 is not in the spanish list"):
        seed_of_words(" ".join([*words[:2], "zoo", *words[3:]]))


def test_bip32_vector_1() -> None:
    master = KeyNode.master(bytes.fromhex("000102030405060708090a0b0c0d0e0f"), MAIN)
    assert master.xprv == (
        "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
    )
    deep = master.derive("0'/1/2'/2/1000000000")
    assert deep.xpub == (
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy"
    )
    assert master.fingerprint.hex() == "3442193e"


def _script(network: Network, purpose: Purpose, branch: Branch, index: int) -> bytes:
    account = Account(KeyNode.master(seed_of_words(ABANDON), network), network, purpose)
    return of_account(purpose, account.key(branch, index)).script


@pytest.mark.parametrize(
    ("branch", "index", "address"),
    [
        (Branch.RECEIVE, 0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
        (Branch.RECEIVE, 1, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
        (Branch.CHANGE, 0, "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"),
    ],
)
def test_bip84_vectors(branch: Branch, index: int, address: str) -> None:
    version, program = SegwitBech32Decoder.Decode("bc", address)
    assert version == 0
    assert _script(MAIN, Purpose.P2WPKH, branch, index) == b"\x00\x14" + program


@pytest.mark.parametrize(
    ("branch", "index", "script"),
    [
        (
            Branch.RECEIVE,
            0,
            "5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
        ),
        (
            Branch.RECEIVE,
            1,
            "5120a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
        ),
        (
            Branch.CHANGE,
            0,
            "5120882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
        ),
    ],
)
def test_bip86_vectors(branch: Branch, index: int, script: str) -> None:
    assert _script(MAIN, Purpose.P2TR, branch, index).hex() == script


def test_bip49_vector() -> None:
    script = _script(REGTEST, Purpose.P2SH_P2WPKH, Branch.RECEIVE, 0)
    assert script.hex() == "a914336caa13e08b96080a32b5d818d59b4ab3b3674287"


def test_bip44_account() -> None:
    program = Base58Decoder.CheckDecode("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA")[1:]
    script = _script(MAIN, Purpose.P2PKH, Branch.RECEIVE, 0)
    assert script == b"\x76\xa9\x14" + program + b"\x88\xac"
