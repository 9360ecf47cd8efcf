"""Blocks, mempool, node and health pages: every figure is the node's."""

import json
import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from indexer.chain.encoding import Block, hash_hex, parse_block
from indexer.queries.blocks import find_block, list_blocks
from indexer.queries.mempool import mempool, newest_replaced
from tests.fixtures_site import Site
from webapp.pages.blocks import TRANSACTIONS_PER_PAGE

REGTEST_SUBSIDY = 5_000_000_000


@pytest.fixture
def client(demo_site: Site) -> FlaskClient:
    return demo_site.app.test_client()


def node_block(site: Site, height: int) -> Block:
    return parse_block(site.node.block(site.node.block_hash(height)), site.node.network)


def text_of(html: str) -> str:
    """What a person reads."""
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without)


def test_the_home_page_shows_the_tip(client: FlaskClient, demo_site: Site) -> None:
    tip = demo_site.node.tip()
    page = client.get("/").get_data(as_text=True)
    assert f"Block {tip.height}" in text_of(page)
    assert f"/block/{hash_hex(tip.hash)}" in page


def test_the_list_walks_every_height_once_and_marks_stale_blocks(demo_site: Site) -> None:
    tip = demo_site.node.tip().height
    heights: list[int] = []
    stale = 0
    start: int | None = None
    with demo_site.database.read() as connection:
        while True:
            page = list_blocks(connection, start, 25)
            heights += [block.height for block in page.blocks if not block.stale]
            stale += sum(block.stale for block in page.blocks)
            if page.older is None:
                break
            start = page.older
    assert heights == list(range(tip, -1, -1))
    assert stale >= 2


def test_links_of_the_list_lead_there_and_back(client: FlaskClient) -> None:
    first = client.get("/blocks").get_data(as_text=True)
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = client.get(older.group(1)).get_data(as_text=True)
    newer = re.search(r'rel="prev" href="([^"]+)"', second)
    assert newer is not None
    rows = re.compile(r'<tr id="block-([0-9a-f]{64})"')
    assert rows.findall(client.get(newer.group(1)).get_data(as_text=True)) == rows.findall(first)
    assert not set(rows.findall(first)) & set(rows.findall(second))


def test_the_list_by_day_starts_with_that_days_last_block(
    client: FlaskClient, demo_site: Site
) -> None:
    block = node_block(demo_site, 150)
    day = datetime.fromtimestamp(block.header.time, UTC).date()
    page = client.get(f"/blocks?date={day}").get_data(as_text=True)
    first = re.search(r'<tr id="block-([0-9a-f]{64})"', page)
    assert first is not None
    with demo_site.database.read() as connection:
        found = find_block(connection, bytes.fromhex(first.group(1))[::-1])
    assert found is not None
    assert datetime.fromtimestamp(found.summary.time, UTC).date() == day


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/blocks?before=x", 400, ["before", "whole number"]),
        ("/blocks?before=-1", 400, ["before"]),
        ("/blocks?date=yesterday", 400, ["date", "2009-01-03"]),
        ("/blocks?date=1999-01-01", 404, ["No block is that old"]),
        ("/block/123456789", 404, ["no block at height 123456789"]),
        ("/block/" + "9" * 63, 404, ["height"]),
        ("/block/xyz", 404, ["64 hexadecimal digits"]),
        ("/block/" + "ab" * 32, 404, ["No block with this hash"]),
        ("/block/" + "ab" * 32 + "/raw", 404, ["No block with this hash"]),
    ],
)
def test_bad_input_is_answered_in_words(
    client: FlaskClient, address: str, status: int, words: list[str]
) -> None:
    response = client.get(address)
    assert response.status_code == status
    page = text_of(response.get_data(as_text=True))
    assert all(word in page for word in words)


def test_a_height_redirects_to_the_hash(client: FlaskClient, demo_site: Site) -> None:
    response = client.get("/block/17")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/block/{hash_hex(demo_site.node.block_hash(17))}"


@pytest.mark.parametrize("height", [0, 1, 149, 150, 200, 250, 303])
def test_a_block_equals_the_nodes(client: FlaskClient, demo_site: Site, height: int) -> None:
    block = node_block(demo_site, height)
    spent = demo_site.node.spent_outputs(block.hash) or []
    moved = sum(out.value for tx in block.transactions[1:] for out in tx.outputs)
    fees = sum(out.value for outputs in spent for out in outputs) - moved
    with demo_site.database.read() as connection:
        found = find_block(connection, block.hash)
    assert found is not None
    summary = found.summary
    assert (summary.size, summary.weight) == (block.size, block.weight)
    assert (summary.fees, found.output_value) == (fees, moved)
    created = sum(out.value for out in block.transactions[0].outputs)
    assert summary.coinbase_value == created
    if height:
        assert created == (REGTEST_SUBSIDY >> height // 150) + fees
    page = client.get(f"/block/{hash_hex(block.hash)}").get_data(as_text=True)
    for tx in block.transactions[:50]:
        assert f'id="tx-{hash_hex(tx.txid)}"' in page
    assert hash_hex(block.header.merkle_root) in page
    assert f"{block.header.nonce:,}" in page


def test_transactions_are_paged_without_gap(client: FlaskClient, demo_site: Site) -> None:
    tip = demo_site.node.tip().height
    block = max(
        (node_block(demo_site, h) for h in range(1, tip)), key=lambda b: len(b.transactions)
    )
    assert len(block.transactions) > TRANSACTIONS_PER_PAGE
    here = f"/block/{hash_hex(block.hash)}"
    found: list[str] = []
    link: str | None = here
    while link:
        page = client.get(link).get_data(as_text=True)
        found += re.findall(r'<tr id="tx-([0-9a-f]{64})"', page)
        more = re.search(r'rel="next" href="([^"]+from=[^"]+)"', page)
        link = more.group(1).split("#")[0] if more else None
    assert found == [hash_hex(tx.txid) for tx in block.transactions]
    beyond = client.get(f"{here}?from={len(block.transactions)}")
    assert beyond.status_code == 404


def test_downloads_are_the_nodes_bytes(client: FlaskClient, demo_site: Site) -> None:
    block = node_block(demo_site, 200)
    here = f"/block/{hash_hex(block.hash)}"
    assert client.get(here + "/raw").data == block.serialize()
    assert client.get(here + "/header").data == block.header.serialize80()


def test_a_stale_block_is_shown_with_its_transactions(client: FlaskClient, demo_site: Site) -> None:
    with demo_site.database.read() as connection:
        stale = next(block for block in list_blocks(connection, None, 25).blocks if block.stale)
    page = client.get(f"/block/{hash_hex(stale.hash)}").get_data(as_text=True)
    assert "not part of the chain any more" in page
    assert hash_hex(demo_site.node.block_hash(stale.height)) in page
    for tx in parse_block(demo_site.node.block(stale.hash), demo_site.node.network).transactions:
        assert hash_hex(tx.txid) in page
    winner = client.get(f"/block/{hash_hex(demo_site.node.block_hash(stale.height))}")
    assert hash_hex(stale.hash) in winner.get_data(as_text=True)


def test_the_mempool_equals_the_nodes(demo_site: Site) -> None:
    waiting = demo_site.node.mempool(frozenset()).added
    with demo_site.database.read() as connection:
        shown = mempool(connection, demo_site.node.network)
        replaced = newest_replaced(connection, 20)
    assert shown.tx_count == len(waiting) > 5
    assert shown.fees == sum(entry.fee for entry in waiting.values())
    assert sum(block.tx_count for block in shown.projected) == shown.tx_count
    assert sum(block.fees for block in shown.projected) == shown.fees
    assert sum(band.tx_count for band in shown.rates.bands) == shown.tx_count if shown.rates else 0
    assert replaced
    assert not {line.txid for line in replaced} & waiting.keys()


def test_health_and_metrics(client: FlaskClient, demo_site: Site) -> None:
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, json.loads(ready.data)["height"]) == (
        200,
        demo_site.node.tip().height,
    )
    counted = 'satchel_http_requests_total{endpoint="health.alive",status="200"}'
    metrics = client.get("/metrics").get_data(as_text=True)
    assert f"satchel_index_height {float(demo_site.node.tip().height)}" in metrics
    assert "satchel_node_up 1.0" in metrics
    assert counted in metrics


def test_the_node_page_tells_what_the_node_tells(client: FlaskClient, demo_site: Site) -> None:
    page = text_of(client.get("/node").get_data(as_text=True))
    assert demo_site.node.info().version.split()[0] in page
    assert f"{demo_site.node.tip().height + 1} rows" in page


def test_a_page_that_did_not_change_is_not_sent_again(client: FlaskClient, demo_site: Site) -> None:
    for address in ("/blocks", f"/block/{hash_hex(demo_site.node.block_hash(10))}", "/mempool"):
        first = client.get(address)
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert "Content-Security-Policy" not in again.headers
