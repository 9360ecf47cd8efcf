"""Every endpoint of the Esplora API against a computation of its own over the whole demo chain."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import hash_hex, parse_block
from indexer.schema import stale_block
from tests.apps import app_for
from tests.esplora_reference import Reference, scripthash
from tests.fixtures_site import Site
from webapp.api.esplora_scripts import MOST_COINS
from webapp.config import EMBEDDED, Settings

Get = Callable[[str], Any]

EVERY = 40  # of the transactions and scripts, where each takes a request of its own


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
    """What a path answers, its JSON's order of keys kept."""

    def ask(path: str) -> Any:
        response = client.get("/api" + path)
        assert response.status_code == 200, (path, response.text)
        assert response.content_type == "application/json"
        return json.loads(response.text)

    return ask


@pytest.fixture
def text(client: FlaskClient) -> Callable[[str], str]:
    def ask(path: str) -> str:
        response = client.get("/api" + path)
        assert response.status_code == 200, (path, response.text)
        assert response.mimetype == "text/plain"
        return response.text

    return ask


def same(found: Any, expected: Any) -> None:
    """Equal to the last byte, the order of keys too."""
    assert json.dumps(found) == json.dumps(expected)


def scripts_of(reference: Reference) -> Iterator[bytes]:
    """Every so many scripts, those with a long history and those in the mempool."""
    waiting = {txid for txid, known in reference.known.items() if known.height is None}
    for number, (script, txids) in enumerate(reference.touched.items()):
        if number % EVERY == 0 or len(txids) > 60 or waiting & set(txids[-3:]):
            yield script


def richest(reference: Reference) -> bytes:
    """The script with most coins."""
    spendable = [script for script in reference.touched if script[:1] != b"\x6a"]
    return max(spendable, key=lambda script: len(reference.utxo(script)))


def test_every_block_and_every_transaction_in_it(reference: Reference, get: Get) -> None:
    for height, block in enumerate(reference.blocks):
        name = hash_hex(block.hash)
        same(get(f"/block/{name}"), reference.block(height))
        txids = [each.txid for each in block.transactions]
        same(get(f"/block/{name}/txids"), [hash_hex(txid) for txid in txids])
        for first in range(0, len(txids), 25):
            page = get(f"/block/{name}/txs/{first}" if first else f"/block/{name}/txs")
            same(page, [reference.transaction(txid) for txid in txids[first : first + 25]])


def test_blocks_as_text_and_bytes(
    reference: Reference, client: FlaskClient, text: Callable[[str], str], get: Get
) -> None:
    tip = len(reference.blocks) - 1
    for height in {0, 1, 100, 200, 260, tip - 1, tip}:
        block = reference.blocks[height]
        name = hash_hex(block.hash)
        assert text(f"/block-height/{height}") == name
        assert text(f"/block/{name}/header") == block.header.serialize().hex()
        raw = client.get(f"/api/block/{name}/raw")
        assert (raw.mimetype, raw.data) == ("application/octet-stream", block.serialize())
        last = len(block.transactions) - 1
        assert text(f"/block/{name}/txid/{last}") == hash_hex(block.transactions[last].txid)
        following = hash_hex(reference.blocks[height + 1].hash) if height < tip else None
        status = {"in_best_chain": True, "height": height, "next_best": following}
        same(get(f"/block/{name}/status"), status)
    assert text("/blocks/tip/height") == str(tip)
    assert text("/blocks/tip/hash") == hash_hex(reference.blocks[tip].hash)


def test_the_list_of_blocks(reference: Reference, get: Get) -> None:
    tip = len(reference.blocks) - 1
    same(get("/blocks"), [reference.block(height) for height in range(tip, tip - 10, -1)])
    same(get("/blocks/150"), [reference.block(height) for height in range(150, 140, -1)])
    same(get("/blocks/4"), [reference.block(height) for height in range(4, -1, -1)])


def test_transactions_one_by_one(
    reference: Reference, client: FlaskClient, text: Callable[[str], str], get: Get
) -> None:
    waiting = [txid for txid, known in reference.known.items() if known.height is None]
    assert len(waiting) > 5
    for txid in [*list(reference.known)[::EVERY], *waiting]:
        name = hash_hex(txid)
        raw = reference.known[txid].transaction.serialize()
        same(get(f"/tx/{name}"), reference.transaction(txid))
        same(get(f"/tx/{name}/status"), reference.status(txid))
        same(get(f"/tx/{name}/outspends"), reference.outspends(txid))
        same(get(f"/tx/{name}/outspend/0"), reference.outspend((txid, 0)))
        assert text(f"/tx/{name}/hex") == raw.hex()
        answer = client.get(f"/api/tx/{name}/raw")
        assert (answer.mimetype, answer.data) == ("application/octet-stream", raw)


def test_outspends_of_every_kind_occur(reference: Reference) -> None:
    kinds = set()
    for txid in reference.known:
        for spend in reference.outspends(txid):
            kinds.add(
                (reference.status(txid)["confirmed"], spend.get("status", {}).get("confirmed"))
            )
    assert kinds == {(True, None), (True, True), (True, False), (False, None), (False, False)}


def test_proofs(reference: Reference, text: Callable[[str], str], get: Get) -> None:
    confirmed = [txid for txid, known in reference.known.items() if known.height is not None]
    widest = max(reference.blocks, key=lambda block: len(block.transactions))
    chosen = [*confirmed[:: 2 * EVERY], *(each.txid for each in widest.transactions)]
    for txid in chosen:
        reference.check_merkle_proof(txid, get(f"/tx/{hash_hex(txid)}/merkle-proof"))
        proof = bytes.fromhex(text(f"/tx/{hash_hex(txid)}/merkleblock-proof"))
        reference.check_merkleblock(txid, proof)


def test_sums_history_and_coins_of_scripts(reference: Reference, get: Get, app: Flask) -> None:
    network = reference.node.network
    seen = set()
    for script in scripts_of(reference):
        address = address_of(script, network)
        kind, name = ("scripthash", scripthash(script))
        if address is not None and len(seen) % 4:
            kind, name = ("address", address)
        seen.add(name)
        here = f"/{kind}/{name}"
        confirmed, pending = reference.script_stats(script)
        stats = {kind: name, "chain_stats": confirmed, "mempool_stats": pending}
        same(get(here), stats)
        waiting = [reference.transaction(txid) for txid in reference.pending_history(script)[:50]]
        past = reference.confirmed_history(script)
        newest = [reference.transaction(txid) for txid in past[:25]]
        same(get(f"{here}/txs"), waiting + newest)
        same(get(f"{here}/txs/mempool"), waiting)
        if not script.startswith(b"\x6a"):
            same(get(f"{here}/utxo"), reference.utxo(script))
    assert len(seen) > 100


def test_a_long_history_page_by_page(reference: Reference, get: Get) -> None:
    script = max(reference.touched, key=lambda script: len(reference.touched[script]))
    past = [hash_hex(txid) for txid in reference.confirmed_history(script)]
    assert len(past) > 1000
    found: list[str] = []
    while True:
        last = f"/{found[-1]}" if found else ""
        page = [each["txid"] for each in get(f"/scripthash/{scripthash(script)}/txs/chain{last}")]
        found += page
        if len(page) < 25:
            break
    assert found == past


def test_a_history_behind_a_transaction(reference: Reference, get: Get) -> None:
    script = max(
        (script for script in reference.touched if len(reference.pending_history(script)) > 1),
        key=lambda script: len(reference.touched[script]),
    )
    waiting, past = reference.pending_history(script), reference.confirmed_history(script)
    here = f"/scripthash/{scripthash(script)}/txs?after_txid="
    behind = [reference.transaction(txid) for txid in [*waiting[1:], *past[:25]]]
    same(get(here + hash_hex(waiting[0])), behind)
    same(get(here + hash_hex(past[3])), [reference.transaction(txid) for txid in past[4:29]])
    assert get(here + ABSENT) == []


def test_coins_page_by_page(reference: Reference, get: Get) -> None:
    script = richest(reference)
    here = f"/scripthash/{scripthash(script)}/utxo"
    expected = reference.utxo(script)
    assert len(expected) > 20
    same(get(here), expected)
    found: list[Any] = []
    while True:
        after = f"&after={found[-1]['txid']}:{found[-1]['vout']}" if found else ""
        page = get(f"{here}?limit=7{after}")
        found += page
        if len(page) < 7:
            break
    same(found, expected)


def test_too_many_coins_are_said_to_be_too_many(
    reference: Reference, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = richest(reference)
    monkeypatch.setattr("webapp.api.esplora_scripts.MOST_COINS", 5)
    response = client.get(f"/api/scripthash/{scripthash(script)}/utxo")
    assert response.status_code == 400
    assert "more than 5" in response.text
    assert "limit=1000&after=txid:vout" in response.text
    paged = client.get(f"/api/scripthash/{scripthash(script)}/utxo?limit=1000")
    assert json.loads(paged.text) == reference.utxo(script)[:5]
    assert MOST_COINS == 10_000


def test_the_mempool(reference: Reference, get: Get) -> None:
    waiting = {txid: known for txid, known in reference.known.items() if known.height is None}
    fees = {txid: reference.fee(known.transaction) for txid, known in waiting.items()}
    vsizes = {txid: known.transaction.vsize for txid, known in waiting.items()}
    told = get("/mempool")
    assert list(told) == ["count", "vsize", "total_fee", "fee_histogram"]
    assert told["count"] == len(waiting)
    assert told["vsize"] == sum(vsizes.values()) == sum(vsize for _, vsize in told["fee_histogram"])
    assert told["total_fee"] == sum(fees.values())
    rates = {txid: 4 * fees[txid] / waiting[txid].transaction.weight for txid in waiting}
    before = float("inf")
    for rate, vsize in told["fee_histogram"]:
        assert vsize == sum(vsizes[txid] for txid in waiting if rate <= rates[txid] < before)
        before = rate
    assert set(get("/mempool/txids")) == {hash_hex(txid) for txid in waiting}
    worth = {
        txid: sum(reference.prevout(each).value for each in known.transaction.inputs)
        for txid, known in waiting.items()
    }
    newest = sorted(waiting, key=lambda txid: (-waiting[txid].first_seen, txid))[:10]
    same(
        get("/mempool/recent"),
        [
            {
                "txid": hash_hex(txid),
                "fee": fees[txid],
                "vsize": vsizes[txid],
                "value": worth[txid],
            }
            for txid in newest
        ],
    )


def test_fee_estimates(reference: Reference, get: Get) -> None:
    told = get("/fee-estimates")
    estimates = reference.node.fee_estimates()
    assert list(told) == [str(target) for target in (*range(1, 26), 144, 504, 1008)]
    for target, rate in told.items():
        nearest = max(blocks for blocks in estimates if blocks <= int(target))
        assert rate == estimates[nearest] / 1000


def test_addresses_by_prefix(reference: Reference, get: Get) -> None:
    network = reference.node.network
    paid = {
        address
        for known in reference.known.values()
        if known.height is not None
        for output in known.transaction.outputs
        if (address := address_of(output.script, network)) is not None
    }
    prefixes = {each[:length] for each in sorted(paid)[::40] for length in (1, 3, 7, 9, len(each))}
    for prefix in prefixes:
        expected = sorted(each for each in paid if each.startswith(prefix))
        found = get(f"/address-prefix/{prefix}")
        assert found == sorted(found)
        assert set(found) <= set(expected)
        assert len(found) == min(10, len(expected)), prefix
    for prefix in ("bcrt1b", "0", "bc1q", "x" * 100, "\u00e9"):
        assert get(f"/address-prefix/{prefix}") == []


def test_a_stale_block_is_kept_and_its_transactions_are_not_confirmed(
    demo_site: Site, reference: Reference, get: Get, text: Callable[[str], str], client: FlaskClient
) -> None:
    with demo_site.database.read() as connection:
        rows = connection.execute(select(stale_block).order_by(stale_block.c.height)).all()
    assert len(rows) >= 2
    for row in rows:
        name = hash_hex(bytes(row.hash))
        block = parse_block(demo_site.node.block(bytes(row.hash)), demo_site.node.network)
        told = get(f"/block/{name}")
        assert (told["id"], told["height"], told["tx_count"]) == (
            name,
            row.height,
            len(block.transactions),
        )
        ancestors = [block.header.time, *(b.header.time for b in reference.blocks)]
        assert min(ancestors) <= told["mediantime"] < told["timestamp"]
        same(
            get(f"/block/{name}/status"),
            {"in_best_chain": False, "height": None, "next_best": None},
        )
        txids = [hash_hex(each.txid) for each in block.transactions]
        assert get(f"/block/{name}/txids") == txids
        assert text(f"/block/{name}/txid/0") == txids[0]
        page = get(f"/block/{name}/txs")
        assert [each["txid"] for each in page] == txids[:25]
        for each, transaction in zip(page, block.transactions, strict=False):
            assert each["status"] == {"confirmed": False}
            if not transaction.is_coinbase:
                paid = sum(part["prevout"]["value"] for part in each["vin"])
                assert each["fee"] == paid - sum(out.value for out in transaction.outputs)
        coinbase = client.get(f"/api/tx/{txids[0]}")
        assert (coinbase.status_code, coinbase.text) == (404, "Transaction not found")
        assert get(f"/tx/{txids[0]}/status") == {"confirmed": False}


ABSENT = "ab" * 32


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (f"/tx/{ABSENT}", 404, "Transaction not found"),
        (f"/tx/{ABSENT}/hex", 404, "Transaction not found"),
        (f"/tx/{ABSENT}/raw", 404, "Transaction not found"),
        (f"/tx/{ABSENT}/outspends", 404, "Transaction not found"),
        (f"/tx/{ABSENT}/merkle-proof", 404, "Transaction not found or is unconfirmed"),
        (f"/tx/{ABSENT}/merkleblock-proof", 404, "Transaction not found or is unconfirmed"),
        (f"/tx/{ABSENT}/status", 200, '{"confirmed":false}'),
        (f"/tx/{ABSENT}/outspend/0", 200, '{"spent":false}'),
        (f"/tx/{ABSENT}/outspend/x", 400, "Invalid number"),
        ("/tx/xyz", 400, "Invalid hex string"),
        ("/tx/" + "ab" * 31, 400, "Invalid hex string"),
        (f"/block/{ABSENT}", 404, "Block not found"),
        (f"/block/{ABSENT}/header", 404, "Block not found"),
        (f"/block/{ABSENT}/txs", 404, "Block not found"),
        (f"/block/{ABSENT}/txids", 404, "Block not found"),
        (f"/block/{ABSENT}/txid/0", 404, "Block not found"),
        (f"/block/{ABSENT}/raw", 404, "Block not found"),
        (f"/block/{ABSENT}/status", 200, '{"in_best_chain":false,"height":null,"next_best":null}'),
        ("/block/xyz", 400, "Invalid hex string"),
        ("/block-height/1000000", 404, "Block not found"),
        ("/block-height/99999999999999999999", 400, "Invalid number"),
        ("/block-height/-1", 400, "Invalid number"),
        ("/blocks/1000000", 404, "Block not found"),
        ("/address/nonsense/txs", 400, "Invalid address: "),
        ("/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", 400, "Invalid address: this is an address"),
        ("/scripthash/xyz", 400, "Invalid hex string"),
        ("/scripthash/abcd", 400, "Invalid scripthash"),
        (f"/scripthash/{ABSENT}/txs", 200, "[]"),
        (f"/scripthash/{ABSENT}/txs/chain", 200, "[]"),
        (f"/scripthash/{ABSENT}/txs/mempool", 200, "[]"),
        (f"/scripthash/{ABSENT}/utxo", 200, "[]"),
        ("/nothing/here", 404, "No page has this address"),
    ],
)  # fmt: skip
def test_what_is_not_there(client: FlaskClient, path: str, status: int, body: str) -> None:
    response = client.get("/api" + path)
    assert response.status_code == status
    assert response.text.startswith(body)
    if status >= 400:
        assert response.mimetype == "text/plain"


def test_pages_of_a_block_start_at_multiples(client: FlaskClient, reference: Reference) -> None:
    block = max(reference.blocks, key=lambda block: len(block.transactions))
    here = f"/api/block/{hash_hex(block.hash)}/txs"
    assert client.get(f"{here}/undefined").data == client.get(here).data
    assert client.get("/api/blocks/undefined").data == client.get("/api/blocks").data
    assert client.get(f"{here}/24").status_code == 400
    beyond = client.get(f"{here}/{25 * len(block.transactions)}")
    assert (beyond.status_code, beyond.text) == (404, "start index out of range")
    count = len(block.transactions)
    last = client.get(f"/api/block/{hash_hex(block.hash)}/txid/{count}")
    assert (last.status_code, last.text) == (404, "tx index out of range")


def test_a_history_after_what_the_chain_does_not_have(client: FlaskClient, get: Get) -> None:
    address = "mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8"
    assert script_of(address, Settings(network="bitcoin-regtest").chain_network)
    assert get(f"/address/{address}/txs/chain/{ABSENT}") == []
    assert client.get(f"/api/address/{address}/txs/chain/xyz").status_code == 400
    nothing = {"funded_txo_count": 0, "funded_txo_sum": 0, "spent_txo_count": 0,
               "spent_txo_sum": 0, "tx_count": 0}  # fmt: skip
    same(
        get(f"/address/{address}"),
        {"address": address, "chain_stats": nothing, "mempool_stats": nothing},
    )


def test_what_is_settled_is_not_asked_for_again(client: FlaskClient, reference: Reference) -> None:
    deep, fresh = reference.blocks[100], reference.blocks[-5]
    for block, settled in ((deep, True), (fresh, False)):
        txid = hash_hex(block.transactions[0].txid)
        for path in (f"/tx/{txid}", f"/tx/{txid}/status", f"/tx/{txid}/hex", f"/tx/{txid}/raw",
                     f"/block/{hash_hex(block.hash)}/txs"):  # fmt: skip
            first = client.get("/api" + path)
            control = first.cache_control
            assert bool(control.immutable) is settled
            assert (control.max_age == 31_536_000) is settled
            assert bool(control.no_cache) is not settled
            again = client.get("/api" + path, headers={"If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b"")
    assert client.get("/api/blocks/tip/height").cache_control.no_cache
    missing = client.get(f"/api/tx/{ABSENT}")
    assert missing.cache_control.no_store
