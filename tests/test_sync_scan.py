"""Scanning a block's bytes gives what parsing and drafting give, and refuses what they refuse."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.chain.encoding import EncodingError, Transaction, TxInput, TxOutput, parse_block
from indexer.chain.network import Network, get_network
from indexer.sync.rows import BlockDraft, InvalidBlockError, Position, draft_block
from indexer.sync.scan import scan_block
from tests.synthetic import make_block, make_coinbase
from tests.test_sync_rows import blocks, network_of

Outcome = BlockDraft | str


def position_before(raw: bytes) -> Position:
    return Position(300_000, raw[4:36], (0,) * 10, 500, 1000, 2000, 3000)


def parsed(raw: bytes, network: Network) -> Outcome:
    try:
        return draft_block(parse_block(raw, network), raw, position_before(raw))
    except EncodingError:
        return "unreadable"
    except InvalidBlockError as error:
        return str(error)


def scanned(raw: bytes, network: Network) -> Outcome:
    try:
        return scan_block(raw, network, position_before(raw))
    except EncodingError:
        return "unreadable"
    except InvalidBlockError as error:
        return str(error)


@pytest.fixture(scope="module")
def small_blocks(chaindata: Path) -> list[tuple[bytes, Network]]:
    """The smallest real ones of each kind of chain: AuxPoW, MWEB and segwit among them."""
    by_coin: dict[str, list[Path]] = {}
    for path in blocks(chaindata):
        by_coin.setdefault(path.name.rsplit("_", 2)[0], []).append(path)
    smallest = [
        path
        for paths in by_coin.values()
        for path in sorted(paths, key=lambda path: path.stat().st_size)[:3]
    ]
    return [(path.read_bytes(), network_of(path)) for path in smallest]


def test_real_blocks_scan_as_they_parse(chaindata: Path) -> None:
    for path in blocks(chaindata):
        raw = path.read_bytes()
        expected = parsed(raw, network_of(path))
        assert isinstance(expected, BlockDraft)
        assert scanned(raw, network_of(path)) == expected, path.name


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_broken_blocks_scan_as_they_parse(
    small_blocks: list[tuple[bytes, Network]], data: st.DataObject
) -> None:
    raw, network = data.draw(st.sampled_from(small_blocks))
    kind = data.draw(st.sampled_from(("change", "cut", "insert", "repeat")))
    # Most structure is at the start: AuxPoW, counts, the coinbase.
    end = data.draw(st.sampled_from((400, len(raw))))
    at = data.draw(st.integers(0, min(end, len(raw)) - 1))
    byte = bytes((data.draw(st.sampled_from((0, 1, 8, 9, 0xFC, 0xFD, 0xFE, 0xFF))),))
    broken = {
        "change": raw[:at] + byte + raw[at + 1 :],
        "cut": raw[:at],
        "insert": raw[:at] + byte + raw[at:],
        "repeat": raw + byte,
    }[kind]
    assert scanned(broken, network) == parsed(broken, network)


@pytest.mark.parametrize("count", [1, 252, 253, 300])
def test_counts_and_lengths_of_every_form(count: int) -> None:
    coinbase = make_coinbase(b"\x51" * count, [TxOutput(50, b"\x51" * count)] * count)
    outpoint, witness = coinbase.txid, (b"\x01" * count,) * count
    spend = Transaction(
        2,
        [TxInput(outpoint, vout, b"\x51" * count, 1 + vout, witness) for vout in range(count)],
        [TxOutput(1, b"")],
    )
    raw = make_block(None, [coinbase, spend], 1).raw
    network = get_network("bitcoin-regtest")
    expected = parsed(raw, network)
    assert isinstance(expected, BlockDraft)
    assert scanned(raw, network) == expected
