"""Addresses: the standards' vectors, every network, and what is said of a wrong one."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from indexer.chain.address import (
    AddressError,
    AddressProblem,
    address_of,
    networks_of,
    script_of,
)
from indexer.chain.network import NETWORKS, Network, get_network
from indexer.chain.script import (
    ScriptType,
    classify,
    op_return,
    p2a,
    p2pk,
    p2pkh,
    p2sh,
    witness_script_pubkey,
)
from tests.chain_files import VECTORS

BITCOIN = get_network("bitcoin-main")
LITECOIN = get_network("litecoin-main")
DOGECOIN = get_network("dogecoin-main")
TESTNET = get_network("bitcoin-testnet4")
CORE_CHAINS = {
    "main": "bitcoin-main",
    "test": "bitcoin-testnet4",
    "testnet4": "bitcoin-testnet4",
    "signet": "bitcoin-signet",
    "regtest": "bitcoin-regtest",
}


def core_vectors(name: str) -> list[Any]:
    vectors: list[Any] = json.loads((VECTORS / name).read_text())
    return vectors


def test_core_valid_addresses() -> None:
    seen = 0
    for address, script_hex, about in core_vectors("core_key_io_valid.json"):
        if about["isPrivkey"]:
            continue
        network = get_network(CORE_CHAINS[about["chain"]])
        script = bytes.fromhex(script_hex)
        assert script_of(address, network) == script
        assert address_of(script, network) == address
        assert network in networks_of(address)
        if about.get("tryCaseFlip"):
            assert script_of(address.swapcase(), network) == script
        seen += 1
    assert seen > 30


def test_core_invalid_addresses() -> None:
    for (text,) in core_vectors("core_key_io_invalid.json"):
        assert not [each for each in networks_of(text) if each.coin == "bitcoin"]
        for network in NETWORKS.values():
            if network.coin == "bitcoin":
                with pytest.raises(AddressError):
                    script_of(text, network)


def test_core_private_keys_are_no_addresses() -> None:
    for text, _, about in core_vectors("core_key_io_valid.json"):
        if about["isPrivkey"]:
            with pytest.raises(AddressError) as caught:
                script_of(text, BITCOIN)
            assert caught.value.reason is AddressProblem.LENGTH


# BIP173 and BIP350.
@pytest.mark.parametrize(
    ("address", "script"),
    [
        (
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        ("BC1SW50QGDZ25J", "6002751e"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
        (
            "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
            "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
            "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ],
)
def test_bip350_valid(address: str, script: str) -> None:
    network = BITCOIN if address.lower().startswith("bc") else TESTNET
    assert script_of(address, network).hex() == script
    assert address_of(bytes.fromhex(script), network) == address.lower()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", "characters"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "checksum"),
        ("tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", "checksum"),
        ("BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", "checksum"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "checksum"),
        ("tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", "checksum"),
        ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "characters"),
        ("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "witness_version"),
        ("bc1pw5dgrnzv", "length"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
            "length",
        ),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "length"),
        ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", "mixed_case"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "length"),
        ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", "length"),
        ("bc1gmk9yu", "length"),
    ],
)
def test_bip350_invalid(address: str, reason: str) -> None:
    network = TESTNET if address.lower().startswith("tb") else BITCOIN
    with pytest.raises(AddressError) as caught:
        script_of(address, network)
    assert caught.value.reason == reason
    assert networks_of(address) == []


@pytest.mark.parametrize(
    ("address", "network", "script_type"),
    [
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bitcoin-main", "p2pkh"),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bitcoin-main", "p2sh"),
        ("bc1pfeessrawgf", "bitcoin-main", "p2a"),
        ("bcrt1pfeesnyr2tx", "bitcoin-regtest", "p2a"),
        ("LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", "litecoin-main", "p2pkh"),
        ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "dogecoin-main", "p2pkh"),
    ],
)
def test_known_addresses(address: str, network: str, script_type: str) -> None:
    chain = get_network(network)
    script = script_of(address, chain)
    assert classify(script, chain) == script_type
    assert address_of(script, chain) == address
    assert networks_of(address)[0] is chain


def test_litecoin_reads_old_p2sh_and_writes_new() -> None:
    script = p2sh(bytes(range(20)))
    old, new = address_of(script, BITCOIN), address_of(script, LITECOIN)
    assert old is not None
    assert new is not None
    assert old.startswith("3")
    assert new.startswith("M")
    assert script_of(old, LITECOIN) == script_of(new, LITECOIN) == script
    assert [network.name for network in networks_of(new)] == ["litecoin-main"]
    assert {network.name for network in networks_of(old)} == {"bitcoin-main", "litecoin-main"}


@pytest.mark.parametrize(
    ("address", "network", "reason", "words"),
    [
        ("", "bitcoin-main", "empty", "expected"),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyU", "bitcoin-main", "checksum", "mistyped"),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtp0T", "bitcoin-main", "characters", "'0'"),
        ("1BoatSLRHtKNngkdXEeobR76b53", "bitcoin-main", "checksum", "mistyped"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3tb", "bitcoin-main", "characters", "'b'"),
        ("1" * 91, "bitcoin-main", "length", "91 characters"),
        ("1111", "bitcoin-main", "checksum", "mistyped"),
        ("tb1pfees9rn5nz", "bitcoin-main", "other_network", "testnet4, Bitcoin signet, not"),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "dogecoin-main", "other_network", "of Bitcoin, not"),
        ("bc1pfeessrawgf", "dogecoin-main", "other_network", "of Bitcoin, not of Dogecoin"),
        ("ltcmweb1qqgfygrstay7f4f4whjvxgwnnsqrfx46k", "litecoin-main", "mweb", "confidential"),
        ("مرحبا", "bitcoin-main", "characters", "does not occur"),
    ],
)
def test_wrong_address_is_explained(address: str, network: str, reason: str, words: str) -> None:
    with pytest.raises(AddressError, match=words) as caught:
        script_of(address, get_network(network))
    assert caught.value.reason == reason


def test_another_network_is_named() -> None:
    with pytest.raises(AddressError) as caught:
        script_of("LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", BITCOIN)
    assert caught.value.networks == (LITECOIN,)


def test_unknown_prefix() -> None:
    with pytest.raises(AddressError) as caught:
        script_of("XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw", BITCOIN)  # a Dash address
    assert caught.value.reason is AddressProblem.UNKNOWN_PREFIX


@pytest.mark.parametrize(
    "script",
    [
        b"",
        op_return(b"text"),
        p2pk(b"\x02" + bytes(32)),
        b"\x00\x03abc",
        b"\x58\x20" + bytes(32),
        b"\x59\x20" + bytes(32),
    ],
    ids=["empty", "op_return", "p2pk", "odd v0", "hogaddr", "pegin"],
)
def test_scripts_without_address(script: bytes) -> None:
    assert address_of(script, LITECOIN) is None


def test_no_segwit_addresses_without_segwit() -> None:
    assert address_of(p2a(), DOGECOIN) is None
    assert address_of(witness_script_pubkey(0, bytes(20)), DOGECOIN) is None


hashes20 = st.binary(min_size=20, max_size=20)
networks = st.sampled_from(list(NETWORKS.values()))


@given(networks, hashes20, st.booleans())
def test_base58_round_trip(network: Network, hash_: bytes, is_script: bool) -> None:
    script = p2sh(hash_) if is_script else p2pkh(hash_)
    address = address_of(script, network)
    assert address is not None
    assert script_of(address, network) == script


@given(networks, st.integers(0, 16), st.binary(min_size=2, max_size=40))
def test_segwit_round_trip(network: Network, version: int, program: bytes) -> None:
    assume(network.segwit)
    script = witness_script_pubkey(version, program)
    address = address_of(script, network)
    kind = classify(script, network)
    if kind in (ScriptType.NONSTANDARD, ScriptType.MWEB_PEGIN, ScriptType.MWEB_HOGADDR):
        assert address is None
    else:
        assert address is not None
        assert script_of(address, network) == script


@given(st.text(max_size=120), networks)
def test_any_text_is_an_address_or_an_address_error(text: str, network: Network) -> None:
    try:
        script = script_of(text, network)
    except AddressError:
        assert network not in networks_of(text)
    else:
        assert address_of(script, network) is not None
