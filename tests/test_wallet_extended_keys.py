"""Extended keys: BIP32's vectors by public derivation, every prefix, what is refused and how."""

import json
from pathlib import Path

import pytest
from bip_utils import Base58Encoder, Bip32KeyNetVersions, Bip32Slip10Secp256k1
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.network import NETWORKS, Network, get_network
from wallet.descriptor_keys import parse_path
from wallet.extended_keys import (
    HARDENED,
    ExtendedKeyError,
    ExtendedKeyProblem,
    key_prefixes,
    parse_extended_key,
)
from wallet.keys import KeyNode, Purpose, purposes_of

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
MAIN = get_network("bitcoin-main")
SEED_1 = "000102030405060708090a0b0c0d0e0f"
SEED_2 = (
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b787572"
    "6f6c696663605d5a5754514e4b484542"
)
SEED_3 = (
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c6"
    "4d2e8a1e7d1457df2e5a3c51c73235be"
)
SEED_4 = "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678"

BIP32 = [
    (
        SEED_1,
        "",
        "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
    ),
    (
        SEED_1,
        "0h",
        "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
    ),
    (
        SEED_1,
        "0h/1",
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
    ),
    (
        SEED_1,
        "0h/1/2h",
        "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
    ),
    (
        SEED_1,
        "0h/1/2h/2",
        "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
    ),
    (
        SEED_1,
        "0h/1/2h/2/1000000000",
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
    ),
    (
        SEED_2,
        "",
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
    ),
    (
        SEED_2,
        "0",
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
    ),
    (
        SEED_2,
        "0/2147483647h",
        "xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
    ),
    (
        SEED_2,
        "0/2147483647h/1",
        "xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
    ),
    (
        SEED_2,
        "0/2147483647h/1/2147483646h",
        "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
    ),
    (
        SEED_2,
        "0/2147483647h/1/2147483646h/2",
        "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
    ),
    (
        SEED_3,
        "",
        "xpub661MyMwAqRbcEZVB4dScxMAdx6d4nFc9nvyvH3v4gJL378CSRZiYmhRoP7mBy6gSPSCYk6SzXPTf3ND1cZAceL7SfJ1Z3GC8vBgp2epUt13",
    ),
    (
        SEED_3,
        "0h",
        "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
    ),
    (
        SEED_4,
        "",
        "xpub661MyMwAqRbcGczjuMoRm6dXaLDEhW1u34gKenbeYqAix21mdUKJyuyu5F1rzYGVxyL6tmgBUAEPrEz92mBXjByMRiJdba9wpnN37RLLAXa",
    ),
    (
        SEED_4,
        "0h",
        "xpub69AUMk3qDBi3uW1sXgjCmVjJ2G6WQoYSnNHyzkmdCHEhSZ4tBok37xfFEqHd2AddP56Tqp4o56AePAgCjYdvpW2PU2jbUPFKsav5ut6Ch1m",
    ),
    (
        SEED_4,
        "0h/1h",
        "xpub6BJA1jSqiukeaesWfxe6sNK9CCGaujFFSJLomWHprUL9DePQ4JDkM5d88n49sMGJxrhpjazuXYWdMf17C9T5XnxkopaeS7jGk1GyyVziaMt",
    ),
]

BIP32_INVALID = [
    "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm",
    "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGTQQD3dC4H2D5GBj7vWvSQaaBv5cxi9gafk7NF3pnBju6dwKvH",
    "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Txnt3siSujt9RCVYsx4qHZGc62TG4McvMGcAUjeuwZdduYEvFn",
    "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGpWnsj83BHtEy5Zt8CcDr1UiRXuWCmTQLxEK9vbz5gPstX92JQ",
    "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6N8ZMMXctdiCjxTNq964yKkwrkBJJwpzZS4HS2fxvyYUA4q2Xe4",
    "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFAzHGBP2UuGCqWLTAPLcMtD9y5gkZ6Eq3Rjuahrv17fEQ3Qen6J",
    "xprv9s2SPatNQ9Vc6GTbVMFPFo7jsaZySyzk7L8n2uqKXJen3KUmvQNTuLh3fhZMBoG3G4ZW1N2kZuHEPY53qmbZzCHshoQnNf4GvELZfqTUrcv",
    "xpub661no6RGEX3uJkY4bNnPcw4URcQTrSibUZ4NqJEw5eBkv7ovTwgiT91XX27VbEXGENhYRCf7hyEbWrR3FewATdCEebj6znwMfQkhRYHRLpJ",
]

# The account of BIP84's vector, and the prefixes SLIP-132 gives it.
ZPUB, XPUB, XPRV = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
    "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V",
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
)
WIF = "L3VFeEujGtevx9w18HD1fhRbCH67Az2dpCymeRE1SoPK6XQtaN2k"


@pytest.mark.parametrize(("seed", "path", "xpub"), BIP32)
def test_bip32_vectors(seed: str, path: str, xpub: str) -> None:
    master = KeyNode.master(bytes.fromhex(seed), MAIN)
    assert (master.derive(path) if path else master).xpub == xpub
    key = parse_extended_key(xpub, MAIN)
    assert key.depth == len(parse_path(path))
    assert key.text(key_prefixes(MAIN)[0]) == xpub


@pytest.mark.parametrize(("seed", "path", "xpub"), [v for v in BIP32 if v[1][-1:].isdigit()])
def test_bip32_public_derivation(seed: str, path: str, xpub: str) -> None:
    parent, _, last = path.rpartition("/")
    of = next(each[2] for each in BIP32 if each[:2] == (seed, parent))
    assert parse_extended_key(of, MAIN).child(int(last)) == parse_extended_key(xpub, MAIN)


@pytest.mark.parametrize("text", BIP32_INVALID)
def test_bip32_invalid_keys(text: str) -> None:
    with pytest.raises(ExtendedKeyError) as caught:
        parse_extended_key(text, MAIN)
    expected = ExtendedKeyProblem.PRIVATE if text[1:4] == "prv" else ExtendedKeyProblem.INVALID
    assert caught.value.reason is expected


def test_slip132_says_what_a_key_is_for() -> None:
    zpub, xpub = parse_extended_key(ZPUB, MAIN), parse_extended_key(XPUB, MAIN)
    assert (zpub.purpose, xpub.purpose) == (Purpose.P2WPKH, None)
    assert zpub.public_key == xpub.public_key
    by_name = {prefix.name: prefix for prefix in key_prefixes(MAIN)}
    assert xpub.text(by_name["zpub"]) == ZPUB


@pytest.mark.parametrize("name", NETWORKS)
def test_every_prefix_is_read_and_written(name: str) -> None:
    network = NETWORKS[name]
    key = parse_extended_key(XPUB, MAIN)
    for prefix in key_prefixes(network):
        text = key.text(prefix)
        assert text.startswith(prefix.name)
        read = parse_extended_key(f" {text}\n", network)
        assert (read.purpose, read.multisig) == (prefix.purpose, prefix.multisig)
        assert read.text(prefix) == text
    assert key_prefixes(network)[0].public == network.xpub_version
    assert key_prefixes(network)[0].private == network.xprv_version


def test_purposes_follow_the_scripts_of_a_chain() -> None:
    for network in NETWORKS.values():
        expected = (Purpose.P2PKH,) if network.coin == "dogecoin" else tuple(Purpose)
        assert purposes_of(network) == expected


def _private_texts() -> list[str]:
    texts = [XPRV, XPRV[:-1] + "1", WIF]
    vectors = json.loads((VECTORS / "core_key_io_valid.json").read_text())
    texts += [text for text, _, about in vectors if about["isPrivkey"]]
    payload = bytes(41) + b"\x00" * 32 + b"\x01"
    for network in NETWORKS.values():
        prefixes = key_prefixes(network)
        texts += [Base58Encoder.CheckEncode(prefix.private + payload) for prefix in prefixes]
        texts.append(Base58Encoder.CheckEncode(network.wif_prefix + bytes(31) + b"\x01\x01"))
    return texts


@pytest.mark.parametrize("text", sorted(set(_private_texts())))
def test_a_private_key_is_named_and_never_repeated(text: str) -> None:
    for network in NETWORKS.values():
        with pytest.raises(ExtendedKeyError) as caught:
            parse_extended_key(text, network)
        assert caught.value.reason is ExtendedKeyProblem.PRIVATE
        assert text[5:20] not in str(caught.value)


def test_words_are_named_and_never_repeated() -> None:
    with pytest.raises(ExtendedKeyError) as caught:
        parse_extended_key("zoo " * 11 + "wrong", MAIN)
    assert caught.value.reason is ExtendedKeyProblem.WORDS
    assert "zoo" not in str(caught.value)


def test_another_networks_key_is_told() -> None:
    for text, name in (
        (XPUB, "dogecoin-main"),
        (XPUB, "bitcoin-regtest"),
        (ZPUB, "litecoin-testnet"),
    ):
        with pytest.raises(ExtendedKeyError) as caught:
            parse_extended_key(text, NETWORKS[name])
        assert caught.value.reason is ExtendedKeyProblem.OTHER_NETWORK
        assert MAIN in caught.value.networks
    assert parse_extended_key(XPUB, NETWORKS["litecoin-main"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ExtendedKeyProblem.EMPTY),
        (XPUB[:-1] + "W", ExtendedKeyProblem.CHECKSUM),
        (XPUB + "/0/*", ExtendedKeyProblem.FORM),
        ("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", ExtendedKeyProblem.FORM),
        ("x" * 5_000, ExtendedKeyProblem.FORM),
    ],
)
def test_wrong_texts_are_told(text: str, reason: ExtendedKeyProblem) -> None:
    with pytest.raises(ExtendedKeyError) as caught:
        parse_extended_key(text, MAIN)
    assert caught.value.reason is reason


def test_hardened_children_need_the_private_key() -> None:
    with pytest.raises(ExtendedKeyError, match="hardened"):
        parse_extended_key(XPUB, MAIN).child(HARDENED)


@given(st.binary(min_size=16, max_size=64), st.lists(st.integers(0, HARDENED - 1), max_size=4))
def test_derivation_agrees_with_bip_utils(seed: bytes, path: list[int]) -> None:
    node = Bip32Slip10Secp256k1.FromSeed(
        seed, Bip32KeyNetVersions(MAIN.xpub_version, MAIN.xprv_version)
    )
    key = parse_extended_key(str(node.PublicKey().ToExtended()), MAIN)
    for index in path:
        node = node.ChildKey(index)
    assert key.descendant(tuple(path)).text(key_prefixes(MAIN)[0]) == str(
        node.PublicKey().ToExtended()
    )
    if path:
        pubkey = bytes(node.PublicKey().RawCompressed().ToBytes())
        assert next(key.descendant(tuple(path[:-1])).pubkeys(path[-1], 1)) == pubkey


@given(st.text(max_size=300), st.sampled_from(list(NETWORKS.values())))
def test_any_text_gives_a_key_or_the_typed_error(text: str, network: Network) -> None:
    with pytest.raises(ExtendedKeyError):
        parse_extended_key(text, network)
