"""The files of real chain data, and what their MANIFEST says of each block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from indexer.chain.network import Network, get_network

SHARED = Path(__file__).resolve().parents[2] / "shared"
CHAINDATA = SHARED / "chaindata"
VECTORS = SHARED / "vectors"
BLOCK_FILES = sorted((CHAINDATA / "blocks").glob("*.raw"))

# Testnet3 has testnet4's encoding and addresses.
_NETWORKS = {
    "btc_mainnet": "bitcoin-main",
    "btc_signet": "bitcoin-signet",
    "btc_testnet3": "bitcoin-testnet4",
    "btc_testnet4": "bitcoin-testnet4",
    "doge_mainnet": "dogecoin-main",
    "ltc_mainnet": "litecoin-main",
    "ltc_testnet4": "litecoin-testnet",
}


@dataclass(frozen=True)
class BlockFacts:
    height: int
    hash: str
    tx_count: int
    input_count: int
    output_count: int
    size: int
    segwit_count: int
    has_auxpow: bool
    extension_size: int


def network_of(file: Path) -> Network:
    return get_network(_NETWORKS["_".join(file.name.split("_")[:2])])


@cache
def manifest() -> dict[str, BlockFacts]:
    """By file name."""
    facts = {}
    for line in (CHAINDATA / "MANIFEST.md").read_text().splitlines():
        if not line.startswith("| blocks/"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        inputs, outputs = cells[6].split("/")
        facts[cells[0].removeprefix("blocks/")] = BlockFacts(
            height=int(cells[2]),
            hash=cells[4],
            tx_count=int(cells[5]),
            input_count=int(inputs),
            output_count=int(outputs),
            size=int(cells[7]),
            segwit_count=int(cells[8] or 0),
            has_auxpow=cells[9] == "yes",
            extension_size=int(cells[10] or 0),
        )
    return facts


def chain_blocks(file: Path, magic: bytes) -> Iterator[bytes]:
    """The raw blocks of a file of records: magic, length, block."""
    data = file.read_bytes()
    position = 0
    while position < len(data):
        assert data[position : position + 4] == magic
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position + 8 : position + 8 + size]
        position += 8 + size
