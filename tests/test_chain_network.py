"""The constants of each network, checked against real data and against each other."""

from pathlib import Path

import pytest

from indexer.chain.difficulty import difficulty_of, target_of
from indexer.chain.encoding import hash_hex, parse_block
from indexer.chain.network import COIN, NETWORKS, Network, get_network
from tests.chain_files import BLOCK_FILES, manifest, network_of

ALL = list(NETWORKS.values())


def test_the_ten_networks() -> None:
    assert [network.name for network in ALL] == [
        "bitcoin-main",
        "bitcoin-testnet4",
        "bitcoin-signet",
        "bitcoin-regtest",
        "litecoin-main",
        "litecoin-testnet",
        "litecoin-regtest",
        "dogecoin-main",
        "dogecoin-testnet",
        "dogecoin-regtest",
    ]
    assert all(NETWORKS[network.name] is network for network in ALL)


def test_unknown_network_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no network 'bitcoin'; there are bitcoin-main, "):
        get_network("bitcoin")


@pytest.mark.parametrize("network", ALL, ids=lambda network: network.name)
def test_shapes(network: Network) -> None:
    assert network.name == f"{network.coin}-{network.name.split('-')[1]}"
    assert len(network.genesis_hash) == 32
    assert len(network.magic) == len(network.xpub_version) == len(network.xprv_version) == 4
    assert all(len(p) == 1 for p in (network.p2pkh_prefix, network.wif_prefix))
    assert network.p2pkh_prefix not in network.p2sh_prefixes
    assert bool(network.bech32_hrp) == network.segwit
    assert bool(network.mweb_hrp) == network.mweb == (network.coin == "litecoin")
    assert network.auxpow == (network.coin == "dogecoin")
    assert network.retargets != (network.core_chain == "regtest")
    assert (network.coin_type == 1) == (network.core_chain != "main")


def test_what_tells_networks_apart() -> None:
    assert len({network.genesis_hash for network in ALL}) == len(ALL)
    assert len({network.title for network in ALL}) == len(ALL)
    assert len({(network.coin, network.core_chain) for network in ALL}) == len(ALL)
    public = [network for network in ALL if network.core_chain != "regtest"]
    assert len({network.magic for network in public}) == len(public)


@pytest.mark.parametrize("name", ["btc_mainnet_0_19d6689c", "ltc_mainnet_0_12a765e3"])
def test_genesis(name: str) -> None:
    file = next(file for file in BLOCK_FILES if file.stem == name)
    network = network_of(file)
    block = parse_block(file.read_bytes(), network)
    assert block.hash == network.genesis_hash
    assert block.transactions[0].outputs[0].value == network.subsidy(0) == 50 * COIN


@pytest.mark.parametrize("file", BLOCK_FILES, ids=lambda file: file.stem)
def test_coinbase_pays_at_least_the_subsidy(file: Path) -> None:
    height = manifest()[file.name].height
    network = network_of(file)
    coinbase = parse_block(file.read_bytes(), network).transactions[0]
    paid = sum(output.value for output in coinbase.outputs)
    if file.name.startswith("btc_testnet3"):
        network = get_network("bitcoin-main")
    if height < network.fixed_subsidy_from:
        assert paid <= network.subsidy(height)
    else:
        assert 0 <= paid - network.subsidy(height) < network.subsidy(height) // 2


@pytest.mark.parametrize(
    ("name", "height", "subsidy"),
    [
        ("bitcoin-main", 209_999, 50 * COIN),
        ("bitcoin-main", 210_000, 25 * COIN),
        ("bitcoin-main", 840_000, 312_500_000),
        ("bitcoin-main", 6_929_999, 1),
        ("bitcoin-main", 6_930_000, 0),
        ("bitcoin-main", 100_000_000, 0),
        ("bitcoin-regtest", 150, 25 * COIN),
        ("litecoin-main", 840_000, 25 * COIN),
        ("litecoin-main", 2_520_000, 625_000_000),
        ("dogecoin-main", 1, 1_000_000 * COIN),
        ("dogecoin-main", 100_000, 500_000 * COIN),
        ("dogecoin-main", 144_999, 500_000 * COIN),
        ("dogecoin-main", 145_000, 250_000 * COIN),
        ("dogecoin-main", 599_999, 15_625 * COIN),
        ("dogecoin-main", 600_000, 10_000 * COIN),
        ("dogecoin-main", 6_000_000, 10_000 * COIN),
        ("dogecoin-regtest", 1, 500_000 * COIN),
        ("dogecoin-regtest", 900, 10_000 * COIN),
    ],
)
def test_subsidy(name: str, height: int, subsidy: int) -> None:
    assert get_network(name).subsidy(height) == subsidy


@pytest.mark.parametrize(
    ("name", "supply"),
    [("bitcoin-main", 2_099_999_997_690_000), ("litecoin-main", 8_399_999_990_760_000)],
)
def test_supply(name: str, supply: int) -> None:
    network = get_network(name)
    interval = network.halving_interval
    assert sum(network.subsidy(era * interval) * interval for era in range(70)) == supply


def test_hashes_are_in_wire_order() -> None:
    shown = hash_hex(get_network("bitcoin-main").genesis_hash)
    assert shown == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"


@pytest.mark.parametrize(
    ("bits", "target"),
    [
        (0x1D00FFFF, 0xFFFF << 208),
        (0x1B0404CB, 0x0404CB << 192),
        (0x207FFFFF, 0x7FFFFF << 232),
        (0x05009234, 0x92340000),
        (0x01123456, 0x12),
        (0x02123456, 0x1234),
        (0x03123456, 0x123456),
        (0x04923456, 0),  # negative
        (0x00123456, 0),
        (0xFF123456, 0),  # overflows
        (0x00000000, 0),
        (0xFF000000, 0),
    ],
)
def test_target(bits: int, target: int) -> None:
    assert target_of(bits) == target


def test_difficulty() -> None:
    assert difficulty_of(0x1D00FFFF) == 1
    assert difficulty_of(0x1B0404CB) == pytest.approx(16307.420938523983)
    assert difficulty_of(0x207FFFFF) == pytest.approx(4.656542373906925e-10)
    assert difficulty_of(0) == float("inf")
