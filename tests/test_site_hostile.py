"""Texts from the chain that try to become markup, requests or another reading direction.

They stand in coinbases, OP_RETURN outputs, a node's words and a reader's own addresses. On every
page that shows them they are text, all of it, and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator
from json import dumps
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from indexer.chain.encoding import TxOutput, hash_hex, parse_block
from indexer.chain.script import op_return
from indexer.node.embedded import EmbeddedNode
from indexer.schema import state
from tests.fixtures_embedded import Miner
from tests.fixtures_site import open_site
from tests.hostile import (
    AS_READ,
    BIDI_COINBASE,
    COINBASES,
    MARKUP,
    PATIENCE,
    SETTLE,
    Guard,
    read,
)
from wallet.builder import sign
from webapp.config import EMBEDDED, Settings


@pytest.fixture
def guard(
    embedded_node: EmbeddedNode, miner: Miner, open_page: Callable[..., Page], tmp_path: Path
) -> Iterator[Guard]:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED)
    for site in open_site(embedded_node, tmp_path, settings):
        guard = Guard(site, embedded_node, miner, open_page)
        guard.listen()
        yield guard


def notes(guard: Guard, written: Iterable[str], coin: int) -> bytes:
    """A transaction with a text in each of its outputs but the first, not yet sent."""
    spent = guard.miner.coins[coin]
    outputs = [TxOutput(spent.value - 50_000, guard.miner.spend.script)]
    outputs += [TxOutput(0, op_return(text.encode())) for text in written]
    return sign([spent], outputs).serialize()


def mine(guard: Guard, text: str, *transactions: bytes) -> str:
    """A block with a text in its coinbase; its hash."""
    script = guard.miner.spend.script
    block = guard.node.mine(script, text=text.encode(), transactions=transactions)
    guard.site.step()
    return hash_hex(block.hash)


def txids(guard: Guard, block_hash: str) -> list[str]:
    raw = guard.node.block(bytes.fromhex(block_hash)[::-1])
    return [hash_hex(tx.txid) for tx in parse_block(raw, guard.node.network).transactions]


def test_what_transactions_carry(guard: Guard) -> None:
    block = mine(guard, BIDI_COINBASE, notes(guard, AS_READ, 0))
    coinbase, written = txids(guard, block)
    page = guard.open(f"/tx/{written}")
    assert [text for text in AS_READ.values() if text not in read(page)] == []
    for summary in page.locator("#outputs details > summary").all():
        summary.click()
    guard.require_inert(page)
    page = guard.open(f"/tx/{coinbase}")
    assert read(page)[0] == "<b hx-get=/evil>U+202Egnp.exe"
    guard.require_inert(page)


def test_what_miners_write(guard: Guard) -> None:
    blocks = [mine(guard, text) for text in (*COINBASES, BIDI_COINBASE)]
    guard.node.reorganise(1, guard.miner.spend.script)
    guard.site.step()
    page = guard.open("/blocks")
    expect(page.locator("tr.is-stale")).to_have_count(1)
    assert {*COINBASES, "<b hx-get=/evil>U+202Egnp.exe"} <= set(read(page))
    guard.require_inert(page)
    for number in (0, -1):  # one in the chain, one that is stale
        page = guard.open(f"/block/{blocks[number]}")
        assert read(page)
        guard.require_inert(page)


def test_what_arrives_on_an_open_page(guard: Guard) -> None:
    raw = notes(guard, MARKUP[1:2], 0)
    txid = hash_hex(guard.node.submit(raw))
    list_page = guard.open("/blocks")
    page = guard.open(f"/tx/{txid}", expected=("status of 404",))
    for each in (list_page, page):
        each.locator("html[data-live=stream]").wait_for(state="attached", timeout=PATIENCE)
    guard.site.step()
    expect(page.locator("main .chain-text")).to_have_text(MARKUP[1], timeout=PATIENCE)
    guard.require_inert(page)
    block = mine(guard, MARKUP[2])
    expect(list_page.locator(f"#block-{block} .chain-text")).to_have_text(
        MARKUP[2], timeout=PATIENCE
    )
    guard.require_inert(list_page)


def test_what_readers_ask_for(guard: Guard) -> None:
    page = guard.open("/search", expected=("status of 404", "status of 400"))
    for text, as_read in AS_READ.items():
        page.goto(f"{guard.site.origin}/search?q={quote(text)}")
        assert any(as_read.strip() in each for each in read(page)), as_read
        guard.require_inert(page)
    for path in (
        f"/address/{quote(MARKUP[2], safe='')}",
        f"/blocks?date={quote(MARKUP[2])}",
        f"/blocks?before={quote(MARKUP[1])}",
        f"/tx/{quote(MARKUP[1], safe='')}",
        f"/{quote(MARKUP[1])}",
    ):
        page.goto(guard.site.origin + path)
        expect(page.locator(".error-page")).to_be_visible()
        guard.require_inert(page)


def test_what_is_typed(guard: Guard) -> None:
    page = guard.open("/")
    with page.expect_response("**/search/suggest*"):
        page.locator("#search-input").press_sequentially(MARKUP[1])
    expect(page.locator("#search-suggestions [role=option]").first).to_be_visible()
    guard.require_inert(page)


def test_what_a_node_says(guard: Guard) -> None:
    """Its peers choose their own names."""
    info = {
        "version": MARKUP[0], "network": "bitcoin-regtest", "height": 1, "headers": 1,
        "initial_download": False, "progress": 1.0, "pruned_height": None, "size_on_disk": None,
        "relay_fee": 1000, "interfaces": ["REST"], "warnings": [BIDI_COINBASE],
        "peers": [{"address": "::1", "version": text, "inbound": True, "height": 1}
                  for text in AS_READ],
    }  # fmt: skip
    with guard.site.database.write() as connection:
        error = {"node_error": MARKUP[1], "node_error_at": 1}
        connection.execute(update(state).values(node_info=dumps(info), **error))
    page = guard.open("/node")
    assert [text for text in AS_READ.values() if text.strip() not in read(page)] == []
    expect(page.locator("#notice")).to_contain_text(MARKUP[1])
    guard.require_inert(page)


def test_the_trap_works(guard: Guard) -> None:
    """A page that asked would be noticed."""
    page = guard.open("/", expected=("status of 404",))
    page.evaluate("fetch('/evil')")
    page.wait_for_timeout(SETTLE)
    assert guard.evil == ["/evil"]
