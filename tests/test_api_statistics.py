"""Statistics of blocks against litecoind's getblockstats; adjustments against Core's formula."""

import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from indexer.chain.network import get_network
from indexer.database import Database
from indexer.queries.difficulty import difficulty
from indexer.schema import block
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon
from tests.fixtures_site import Site
from webapp.api.v1_blocks import adjustment_shape

STATISTICS = {
    "avgFee": "avgfee",
    "avgFeeRate": "avgfeerate",
    "avgTxSize": "avgtxsize",
    "medianFeeAmt": "medianfee",
    "totalFees": "totalfee",
    "totalInputs": "ins",
    "totalOutputAmt": "total_out",
    "totalOutputs": "outs",
    "segwitTotalTxs": "swtxs",
    "segwitTotalSize": "swtotal_size",
    "segwitTotalWeight": "swtotal_weight",
    "utxoSetChange": "utxo_increase",
}


@pytest.fixture
def client(litecoin_site: Site) -> FlaskClient:
    return litecoin_site.app.test_client()


def test_statistics_are_litecoinds(
    client: FlaskClient, litecoin_site: Site, litecoind: Daemon
) -> None:
    compared = 0
    for height in (120, 150, *range(MWEB_HEIGHT - 2, litecoind.height + 1)):
        extras = answer(client, f"/api/v1/blocks/{height}")[0]["extras"]
        told = litecoind.rpc("getblockstats", height)
        names = dict(STATISTICS)
        if height >= MWEB_HEIGHT:
            del names["medianFeeAmt"]  # here the HogEx, which nobody sends, is none of them
        assert {name: extras[name] for name in names} == {
            name: told[theirs] for name, theirs in names.items()
        }, height
        compared += told["txs"] - 1
    assert compared > 20


def answer(client: FlaskClient, path: str) -> Any:
    return client.get(path).json


def write_headers(database: Database, times: list[int], bits: list[int]) -> None:
    with database.write() as connection:
        connection.execute(
            insert(block),
            [
                {
                    "height": height,
                    "hash": height.to_bytes(32, "big"),
                    "header": bytes(72) + bits[height].to_bytes(4, "little") + bytes(4),
                    "time": moment,
                    "median_time": moment,
                    "tx_count": 1,
                    "first_tx_id": height,
                    "coinbase_script": b"",
                }
                | dict.fromkeys(
                    ("size", "weight", "next_tx_id", "chain_tx_count", "chain_output_count",
                     "chain_input_count", "output_value",
                     "coinbase_value", "fees"), 0,
                )
                for height, moment in enumerate(times)
            ],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("spacing", "change"), [(300, 100.0), (600, 0.0), (1200, -50.0), (60, 300.0)]
)
def test_an_adjustment_is_what_core_would_do(
    sqlite_database: Database, spacing: int, change: float
) -> None:
    network = get_network("bitcoin-main")
    tip = 2 * 2016 + 504
    started = 1_500_000_000
    times = [started + 600 * height for height in range(2 * 2016)]
    times += [times[-1] + 600 + spacing * number for number in range(tip - 2 * 2016 + 1)]
    bits = [0x1D00FFFF] * 2016 + [0x1C7FFF80] * 2016 + [0x1C3FFFC0] * (tip - 2 * 2016 + 1)
    write_headers(sqlite_database, times, bits)
    with sqlite_database.read() as connection:
        shape = adjustment_shape(connection, network)
        found = difficulty(connection, network)
    assert found is not None
    assert found.value == pytest.approx(4, rel=1e-4)
    assert shape is not None
    assert shape["difficultyChange"] == pytest.approx(change)
    assert shape["previousRetarget"] == pytest.approx(100, abs=0.1)
    assert shape["progressPercent"] == 25
    assert (shape["remainingBlocks"], shape["nextRetargetHeight"]) == (1512, 3 * 2016)
    assert shape["timeAvg"] == shape["adjustedTimeAvg"] == 1000 * spacing
    assert shape["remainingTime"] == 1512 * 1000 * spacing
    assert shape["estimatedRetargetDate"] == 1000 * (times[-1] + 1512 * spacing)
    assert shape["previousTime"] == times[2 * 2016]
    elapsed = time.time() - times[2 * 2016]
    assert shape["expectedBlocks"] == pytest.approx(elapsed / 600, rel=1e-3)
