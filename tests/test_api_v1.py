"""mempool.space's additions against computations of their own over the whole demo chain."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from indexer.chain.address import address_of
from indexer.chain.encoding import Block, Transaction, TxOutput, hash_hex
from indexer.chain.script import p2a, p2tr, p2wsh
from tests.apps import app_for
from tests.esplora_reference import Reference
from tests.fixtures_clients import LiveChain
from tests.fixtures_site import Site
from wallet.builder import sign
from webapp.config import EMBEDDED, Settings

Get = Callable[[str], Any]

COIN = 100_000_000
UNKNOWN = "ab" * 32


@pytest.fixture(scope="module")
def reference(demo_site: Site) -> Reference:
    return Reference.read(demo_site.node)


@pytest.fixture(scope="module")
def app(demo_site: Site) -> Flask:
    """Without limits that a test would reach."""
    settings = Settings(
        network="bitcoin-regtest", node_url=EMBEDDED, rate_limit=100_000, api_rate_limit=1_000_000
    )
    return app_for(settings, demo_site.database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def get(client: FlaskClient) -> Get:
    def ask(path: str) -> Any:
        response = client.get("/api/v1" + path)
        assert response.status_code == 200, (path, response.text)
        return response.json

    return ask


def is_known(client: FlaskClient, txid: str) -> bool:
    return client.get(f"/api/tx/{txid}").status_code == 200


def asked(client: FlaskClient, path: str) -> Any:
    return client.get("/api/v1" + path).json


def pending(reference: Reference) -> dict[bytes, Transaction]:
    return {
        txid: known.transaction for txid, known in reference.known.items() if known.height is None
    }


def ledger(reference: Reference) -> dict[bytes, list[tuple[int, int, bytes, int, int]]]:
    """Script -> (height, position, txid, received, sent) in chain order."""
    lines: dict[bytes, list[tuple[int, int, bytes, int, int]]] = defaultdict(list)
    for height, block in enumerate(reference.blocks):
        for position, transaction in enumerate(block.transactions):
            received: dict[bytes, int] = defaultdict(int)
            sent: dict[bytes, int] = defaultdict(int)
            for output in transaction.outputs:
                received[output.script] += output.value
            for each in transaction.inputs:
                if not each.is_coinbase:
                    spent = reference.prevout(each)
                    sent[spent.script] += spent.value
            for script in received.keys() | sent.keys():
                lines[script].append(
                    (height, position, transaction.txid, received[script], sent[script])
                )
    return lines


def busy_addresses(reference: Reference, count: int) -> Iterator[tuple[str, bytes]]:
    """Those with the longest histories, and some with short ones."""
    found = [
        (address, script)
        for script in sorted(reference.touched, key=lambda each: -len(reference.touched[each]))
        if (address := address_of(script, reference.node.network)) is not None
    ]
    yield from found[:count]
    yield from found[count :: max(1, len(found) // count)]


# Fees


def test_the_mempools_blocks_hold_what_the_node_holds(get: Get, reference: Reference) -> None:
    waiting = pending(reference)
    (block,) = get("/fees/mempool-blocks")
    assert block["nTx"] == len(waiting)
    assert block["blockSize"] == sum(each.size for each in waiting.values())
    assert block["blockVSize"] == sum(each.weight for each in waiting.values()) / 4
    assert block["totalFees"] == sum(reference.fee(each) for each in waiting.values())
    assert len(block["feeRange"]) == 7
    assert block["feeRange"] == sorted(block["feeRange"])
    assert block["feeRange"][3] == block["medianFee"]
    advice = get("/fees/recommended")
    assert list(advice.values()) == [1] * 5  # far less than a block waits


def test_cpfp_finds_all_relatives(get: Get, reference: Reference) -> None:
    waiting = pending(reference)
    parents = {
        txid: {each.prev_txid for each in transaction.inputs} & waiting.keys()
        for txid, transaction in waiting.items()
    }

    def above(txid: bytes) -> set[bytes]:
        return parents[txid].union(*(above(each) for each in parents[txid]))

    related = 0
    for txid, transaction in waiting.items():
        found = get(f"/cpfp/{hash_hex(txid)}")
        descendants = {each for each in waiting if txid in above(each)}
        assert {each["txid"] for each in found["ancestors"]} == set(map(hash_hex, above(txid)))
        assert {each["txid"] for each in found["descendants"]} == set(map(hash_hex, descendants))
        for each in found["ancestors"] + found["descendants"]:
            relative = waiting[bytes.fromhex(each["txid"])[::-1]]
            assert (each["fee"], each["weight"]) == (reference.fee(relative), relative.weight)
            related += 1
        assert found["fee"] == reference.fee(transaction)
        alone = 4 * reference.fee(transaction) / transaction.weight
        if not parents[txid] and not descendants:
            assert found["effectiveFeePerVsize"] == pytest.approx(alone)
            assert found["bestDescendant"] is None
    assert related
    assert get(f"/cpfp/{UNKNOWN}") == {"ancestors": []}
    mined = reference.blocks[200].transactions[1]
    assert get(f"/cpfp/{hash_hex(mined.txid)}")["fee"] == reference.fee(mined)


def test_a_package_gives_its_parent_its_own_rate(live_chain: LiveChain) -> None:
    client = live_chain.site.app.test_client()
    spend = live_chain.miner.spend
    coin = live_chain.miner.coins.pop(0)
    poor = sign([coin], [TxOutput(coin.value - 200, spend.script)])
    child_coin = live_chain.miner.coin_of(poor, 0)
    rich = sign([child_coin], [TxOutput(child_coin.value - 20_000, spend.script)])
    for each in (poor, rich):
        live_chain.node.submit(each.serialize())
    name = hash_hex(poor.txid)
    live_chain.wait_for(
        lambda: "bestDescendant" in asked(client, f"/cpfp/{name}"),
        "child in the index",
    )
    found = asked(client, f"/cpfp/{name}")
    assert found["effectiveFeePerVsize"] == pytest.approx(4 * 20_200 / (poor.weight + rich.weight))
    assert found["bestDescendant"] == {
        "txid": hash_hex(rich.txid), "fee": 20_000, "weight": rich.weight,
    }  # fmt: skip


# Replacements


def test_replacements_form_trees(live_chain: LiveChain) -> None:
    client = live_chain.site.app.test_client()
    script = live_chain.miner.spend.script
    one, other = live_chain.miner.coins.pop(0), live_chain.miner.coins.pop(0)

    def paying(fee: int, *coins: Any) -> Transaction:
        return sign(list(coins), [TxOutput(sum(each.value for each in coins) - fee, script)])

    versions = [
        paying(1_000, one),
        paying(3_000, other),
        paying(9_000, one),
        paying(50_000, one, other),
    ]
    for each in versions:
        live_chain.node.submit(each.serialize())
        name = hash_hex(each.txid)
        live_chain.wait_for(partial(is_known, client, name), "version in the index")
    first, second, third, last = (hash_hex(each.txid) for each in versions)
    tree = asked(client, f"/tx/{first}/rbf")["replacements"]
    assert tree["tx"] == {
        "txid": last,
        "fee": 50_000,
        "vsize": versions[3].weight / 4,
        "value": versions[3].outputs[0].value,
        "rate": 4 * 50_000 / versions[3].weight,
        "time": tree["time"],
        "rbf": True,
    }
    assert {each["tx"]["txid"] for each in tree["replaces"]} == {second, third}
    (branch,) = (each for each in tree["replaces"] if each["tx"]["txid"] == third)
    assert [each["tx"]["fee"] for each in branch["replaces"]] == [1_000]
    assert all("interval" in each for each in tree["replaces"])
    assert not tree["fullRbf"]
    assert "mined" not in tree
    for txid, replaced in ((last, {second, third}), (third, {first}), (first, None)):
        found = asked(client, f"/tx/{txid}/rbf")
        assert found["replacements"] == tree
        assert (set(found["replaces"]) if found["replaces"] else None) == replaced
    assert asked(client, "/replacements") == [tree]
    assert asked(client, "/fullrbf/replacements") == []
    assert asked(client, f"/tx/{UNKNOWN}/rbf") == {"replacements": None, "replaces": None}
    seen = asked(client, f"/transaction-times?txId[]={first}&txId[]={last}&txId[]={UNKNOWN}")
    assert seen[0] <= seen[1]
    assert seen[2] == 0
    live_chain.mine()
    mined = asked(client, f"/tx/{first}/rbf")["replacements"]
    assert mined["mined"]
    assert mined["tx"]["mined"]


def tried(client: FlaskClient, transaction: Transaction) -> Any:
    return client.post("/api/v1/txs/test", json=[transaction.serialize().hex()]).json


def test_a_trial_is_the_nodes_own_word(live_chain: LiveChain) -> None:
    client = live_chain.site.app.test_client()
    coin = live_chain.miner.coins.pop(0)
    good = sign([coin], [TxOutput(coin.value - 5_000, live_chain.miner.spend.script)])
    greedy = sign([coin], [TxOutput(coin.value + 1, live_chain.miner.spend.script)])
    said = tried(client, good)
    assert said == [
        {
            "txid": hash_hex(good.txid),
            "wtxid": hash_hex(good.wtxid),
            "allowed": True,
            "vsize": good.vsize,
            "fees": {
                "base": 0.00005,
                "effective-feerate": said[0]["fees"]["effective-feerate"],
                "effective-includes": [hash_hex(good.wtxid)],
            },
        }
    ]
    (refused,) = tried(client, greedy)
    assert refused["allowed"] is False
    assert refused["reject-reason"].startswith("bad-txns-in-belowout")
    assert live_chain.node.mempool(frozenset()).added == {}
    bodies: list[Any] = [[], {}, ["xx"], ["00"] * 26, [1]]
    for body in bodies:
        assert client.post("/api/v1/txs/test", json=body).status_code == 400


# Blocks


def statistics(block: Block, reference: Reference) -> dict[str, Any]:
    """As getblockstats defines them."""
    rest = block.transactions[1:]
    fees = sorted(reference.fee(each) for each in rest)
    segwit = [each for each in rest if each.has_witness]
    weight = sum(each.weight for each in rest)
    inputs = sum(len(each.inputs) for each in rest)
    outputs = sum(len(each.outputs) for each in block.transactions)
    moved = sum(output.value for each in rest for output in each.outputs)
    return {
        "totalFees": sum(fees),
        "reward": sum(output.value for output in block.transactions[0].outputs),
        "avgFee": sum(fees) // len(rest) if rest else 0,
        "avgFeeRate": 4 * sum(fees) // weight if rest else 0,
        "avgTxSize": sum(each.size for each in rest) // len(rest) if rest else 0,
        "medianFeeAmt": int(median(fees)) if fees else 0,
        "totalInputs": inputs,
        "totalOutputs": outputs,
        "totalOutputAmt": moved,
        "totalInputAmt": moved + sum(fees),
        "segwitTotalTxs": len(segwit),
        "segwitTotalSize": sum(each.size for each in segwit),
        "segwitTotalWeight": sum(each.weight for each in segwit),
        "utxoSetChange": outputs - inputs,
        "virtualSize": block.weight / 4,
        "header": block.header.serialize80().hex(),
        "coinbaseRaw": block.transactions[0].inputs[0].script_sig.hex(),
        "coinbaseAddress": address_of(
            block.transactions[0].outputs[0].script, reference.node.network
        ),
    }


def test_blocks_hold_the_statistics_of_their_transactions(
    get: Get, client: FlaskClient, reference: Reference
) -> None:
    tip = len(reference.blocks) - 1
    heights: list[int] = []
    page = get("/blocks")
    while page:
        for shape in page:
            extras = shape.pop("extras")
            heights.append(shape["height"])
            block = reference.blocks[shape["height"]]
            assert shape == client.get(f"/api/block/{shape['id']}").json
            expected = statistics(block, reference)
            assert {name: extras[name] for name in expected} == expected
            fees = sorted(reference.fee(each) for each in block.transactions[1:])
            if fees:
                assert (extras["feePercentiles"][0], extras["feePercentiles"][-1]) == (
                    fees[0], fees[-1],
                )  # fmt: skip
                rates = [4 * reference.fee(each) / each.weight for each in block.transactions[1:]]
                assert extras["feeRange"][0] == pytest.approx(min(rates), abs=0.001)
                assert extras["feeRange"][-1] == pytest.approx(max(rates), abs=0.001)
        lowest = heights[-1]
        page = get(f"/blocks/{lowest - 1}") if lowest else []
    assert heights == list(range(tip, -1, -1))
    assert client.get(f"/api/v1/blocks/{tip + 1}").status_code == 404


def test_stale_blocks_are_named_at_their_height(get: Get, demo_site: Site) -> None:
    orphans = [each for block in get("/blocks") for each in block["extras"]["orphans"]]
    assert orphans
    for each in orphans:
        assert get(f"/blocks/{each['height']}")[0]["id"] != each["hash"]
        assert demo_site.node.block(bytes.fromhex(each["hash"])[::-1])


def test_the_block_of_a_moment(get: Get, client: FlaskClient, reference: Reference) -> None:
    times = [block.header.time for block in reference.blocks]
    for moment in [*times[1::40], times[-1] + 10**6, times[10] + 1]:
        latest = max((time, height) for height, time in enumerate(times) if time <= moment)
        found = get(f"/mining/blocks/timestamp/{moment}")
        assert (found["height"], found["hash"]) == (
            latest[1], hash_hex(reference.blocks[latest[1]].hash),
        )  # fmt: skip
        written = datetime.strptime(found["timestamp"], "%Y-%m-%dT%H:%M:%S.000Z")
        assert written.replace(tzinfo=UTC).timestamp() == latest[0]
    assert client.get("/api/v1/mining/blocks/timestamp/1").status_code == 404


def test_the_difficulty_of_regtest_never_moves(get: Get, reference: Reference) -> None:
    found = get("/difficulty-adjustment")
    assert found["difficultyChange"] == found["previousRetarget"] == 0
    height = len(reference.blocks) - 1
    assert found["nextRetargetHeight"] - found["remainingBlocks"] == height


# Addresses


def test_summaries_and_past_balances_follow_the_ledger(get: Get, reference: Reference) -> None:
    lines = ledger(reference)
    tip = len(reference.blocks) - 1
    for address, script in busy_addresses(reference, 12):
        history = lines[script]
        summary = get(f"/address/{address}/txs/summary")
        assert [
            (each["height"], each["tx_position"], each["txid"], each["value"]) for each in summary
        ] == [
            (height, position, hash_hex(txid), received - sent)
            for height, position, txid, received, sent in reversed(history)
        ]
        for height in {0, 1, 110, 200, tip - 1, tip, *(line[0] for line in history[:2])}:
            before = [line for line in history if line[0] <= height]
            found = get(f"/address/{address}/balance?height={height}")
            assert found["received"] == sum(line[3] for line in before)
            assert found["sent"] == sum(line[4] for line in before)
            assert found["balance"] == found["received"] - found["sent"]
            assert found["block_hash"] == hash_hex(reference.blocks[height].hash)
        if len(summary) > 1:
            rest = get(f"/address/{address}/txs/summary/{summary[0]['txid']}")
            assert rest == summary[1:]


def test_a_balance_of_a_day_is_that_of_its_last_block(
    get: Get, client: FlaskClient, reference: Reference
) -> None:
    address, script = next(busy_addresses(reference, 1))
    times = [block.header.time for block in reference.blocks]
    day = datetime.fromtimestamp(times[200], UTC).date()
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp()
    last = max((time, height) for height, time in enumerate(times) if time < end)[1]
    found = get(f"/address/{address}/balance?date={day}")
    assert found["height"] == last
    history = [line for line in ledger(reference)[script] if line[0] <= last]
    assert found["balance"] == sum(line[3] - line[4] for line in history)
    for query, status in (
        ("date=1999-01-01", 404), ("height=999999", 404), ("date=x", 400), ("height=-1", 400),
        ("height=1&date=2020-01-01", 400),
    ):  # fmt: skip
        assert client.get(f"/api/v1/address/{address}/balance?{query}").status_code == status
    assert client.get("/api/v1/address/x/balance").status_code == 400


def test_addresses_are_validated_as_core_does(get: Get, reference: Reference) -> None:
    network = reference.node.network
    for script, program, is_script in (
        (p2tr(bytes(32)), (1, bytes(32)), True),
        (p2wsh(bytes(32)), (0, bytes(32)), True),
        (p2a(), (1, bytes.fromhex("4e73")), True),
    ):
        address = address_of(script, network)
        assert get(f"/validate-address/{address}") == {
            "isvalid": True,
            "address": address,
            "scriptPubKey": script.hex(),
            "isscript": is_script,
            "iswitness": True,
            "witness_version": program[0],
            "witness_program": program[1].hex(),
        }
    legacy = get("/validate-address/mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn")
    assert (legacy["isvalid"], legacy["isscript"], legacy["iswitness"]) == (True, False, False)
    wrong = get("/validate-address/mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfm")
    assert (wrong["isvalid"], wrong["error_locations"]) == (False, [])
    assert "checksum" in wrong["error"]


# CSV


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_an_addresss_csv_is_its_ledger(client: FlaskClient, reference: Reference) -> None:
    lines = ledger(reference)
    for address, script in busy_addresses(reference, 6):
        response = client.get(f"/address/{address}/transactions.csv")
        assert response.mimetype == "text/csv"
        assert "attachment" in response.headers["Content-Disposition"]
        rows = rows_of(response.text)[::-1]
        assert [(int(row["height"]), row["txid"]) for row in rows] == [
            (line[0], hash_hex(line[2])) for line in lines[script]
        ]
        balance = 0
        for row, line in zip(rows, lines[script], strict=True):
            balance += line[3] - line[4]
            assert Decimal(row["received"]) * COIN == line[3]
            assert Decimal(row["sent"]) * COIN == line[4]
            assert Decimal(row["balance"]) * COIN == balance
            assert row["unit"] == "BTC"
    assert client.get("/address/x/transactions.csv").status_code == 404


def test_a_blocks_csv_lists_its_transactions(client: FlaskClient, reference: Reference) -> None:
    block = max(reference.blocks, key=lambda each: len(each.transactions))
    rows = rows_of(client.get(f"/block/{hash_hex(block.hash)}/transactions.csv").text)
    assert [
        (row["txid"], int(Decimal(row["fee"]) * COIN), int(row["vsize"]), int(row["outputs"]))
        for row in rows
    ] == [
        (hash_hex(each.txid), reference.fee(each), each.vsize, len(each.outputs))
        for each in block.transactions
    ]
    assert client.get(f"/block/{UNKNOWN}/transactions.csv").status_code == 404
