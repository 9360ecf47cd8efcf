"""Every page of the demo's chain, reached by clicking, at two widths and in both themes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.chain.script import op_return
from indexer.schema import output, script, tx
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Axe
from tests.fixtures_site import Site
from tests.walk import Sight, Walk, find_sights
from webapp.demo import texts

Sights = dict[str, Sight]

SPENDS = ("p2pk", "multisig", "p2sh", "p2wsh", "p2tr-script")
HOSTILE = f"data {op_return(texts.HOSTILE_NOTES[1].encode()).hex()}"
MISSED = "f" * 64


@pytest.fixture(scope="module")
def sights(demo_site: Site) -> Sights:
    return find_sights(demo_site.node)


@pytest.fixture(params=[PHONE_WIDTH, DESK_WIDTH])
def walk(
    demo_site: Site, open_page: Callable[..., Page], axe: Axe, request: pytest.FixtureRequest
) -> Walk:
    page = open_page(demo_site.origin, width=request.param, expected=("status of 404",))
    return Walk(page, axe)


def test_chain_and_scripts(walk: Walk, sights: Sights) -> None:
    walk.look("home")
    _blocks(walk)
    _block_and_coinbase(walk, sights)
    for kind in SPENDS:
        walk.transaction(sights[f"in {kind}"])
        walk.open_disclosures()
        walk.look(f"spends {kind}")
    walk.transaction(sights["batch"])
    expect(walk.page.locator("#outputs .part")).to_have_count(51)
    walk.look("batch")
    walk.transaction(sights[HOSTILE])
    expect(walk.page.locator(".chain-text").first).to_have_text(texts.HOSTILE_NOTES[1])
    walk.look("hostile note")
    walk.transaction(sights["out multisig"])
    walk.click(walk.page.locator("#outputs a[href^='/script/']"))
    walk.open_disclosures()
    walk.look("script without address")
    walk.require_whole()


def test_what_moves_and_what_is_not_there(walk: Walk, demo_site: Site) -> None:
    _mempool(walk, demo_site)
    _busy_address(walk, demo_site)
    _stale_block(walk)
    walk.section("Node")
    walk.look("node")
    _searches(walk, demo_site)
    walk.section("Blocks")
    walk.page.get_by_label("Day").fill("1999-01-01")
    walk.click(walk.page.get_by_role("button", name="Go to day"), status=404)
    walk.look("error page")
    walk.link("Home page")
    _preferences(walk)
    walk.require_whole()


def _blocks(walk: Walk) -> None:
    walk.link("All blocks")
    walk.look("blocks")
    walk.link("Older")
    walk.look("older blocks")


def _block_and_coinbase(walk: Walk, sights: Sights) -> None:
    walk.block_at(sights["batch"].height)
    walk.open_disclosures()
    walk.look("block")
    walk.link("Previous")
    walk.link("Next")
    walk.click(walk.page.locator("#transactions tbody a[href^='/tx/']"))
    expect(walk.page.locator("#inputs")).to_contain_text("Newly minted coins")
    walk.open_disclosures()
    walk.look("coinbase")


def _mempool(walk: Walk, site: Site) -> None:
    walk.section("Mempool")
    walk.open_disclosures()
    walk.look("mempool")
    walk.click(walk.page.locator("#replaced tbody .key a"))
    expect(walk.page.locator("main")).to_contain_text("Replaced: it will not confirm")
    walk.look("replaced transaction")
    walk.click(walk.page.locator("#replacements li:not([aria-current]) a"))
    expect(walk.page.locator("#replacements [aria-current]")).to_have_count(1)
    walk.section("Mempool")
    child = _child(site)
    link = walk.page.locator(f"main a[href='/tx/{child}']")
    if link.count():  # the page names the newest and the largest
        walk.click(link)
    else:
        walk.search(child)
    expect(walk.page.locator("#package")).to_contain_text("Unconfirmed ancestors")
    walk.look("child that pays for its parent")
    walk.click(walk.page.locator("#package tbody a"))
    expect(walk.page.locator("#package")).to_contain_text("Unconfirmed descendants")
    walk.look("parent")
    walk.click(walk.page.locator("#outputs a[href^='/address/']"))
    walk.look("address with something pending")


def _child(site: Site) -> str:
    """A transaction that spends another which waits."""
    waiting = site.node.mempool(frozenset()).added
    for txid, entry in waiting.items():
        if any(parent in entry.raw for parent in waiting if parent != txid):
            return hash_hex(txid)
    pytest.fail("no package waits")


def _busy_address(walk: Walk, site: Site) -> None:
    with site.database.read() as connection:
        busiest = select(script).order_by(script.c.tx_count.desc()).limit(1).subquery()
        found = connection.execute(
            select(tx.c.txid, tx.c.height, output.c.script, busiest.c.tx_count)
            .join_from(busiest, tx, tx.c.tx_id == busiest.c.last_tx_id)
            .join(output, output.c.output_id == busiest.c.script_id)
            .limit(1)
        ).one()
    assert found.tx_count > 1_000
    walk.transaction(Sight(found.height, 0, hash_hex(found.txid)))
    address = address_of(found.script, site.node.network)
    walk.click(walk.page.locator(f"main a[href='/address/{address}']"))
    walk.look("busy address")
    seen = _rows(walk, "#history")
    for _ in range(2):
        walk.click(walk.page.locator("#history a[rel=next]"))
        here = _rows(walk, "#history")
        assert not set(here) & set(seen)
        seen += here
    walk.look("busy address, older")
    assert len(seen) == len(set(seen)) > 60
    walk.click(walk.page.locator("#coins a[rel=next]"))
    walk.look("busy address, older coins")
    walk.click(walk.page.locator("#coins a[rel=prev]"))


def _rows(walk: Walk, within: str) -> list[str]:
    rows: list[str] = walk.page.locator(f"{within} tbody tr").evaluate_all(
        "rows => rows.map((row) => row.id)"
    )
    return rows


def _stale_block(walk: Walk) -> None:
    walk.section("Blocks")
    walk.click(walk.page.locator("tr.is-stale a[href^='/block/']"))
    expect(walk.page.locator("main")).to_contain_text("not part of the chain any more")
    walk.look("stale block")
    walk.click(walk.page.locator("#transactions tbody a[href^='/tx/']"))
    expect(walk.page.locator("main")).to_contain_text("Reorganised out")
    walk.look("coinbase of a stale block")


def _searches(walk: Walk, site: Site) -> None:
    walk.search(str(site.node.tip().height))
    expect(walk.page).to_have_url(re.compile("/block/"))
    walk.search(MISSED, status=404)
    walk.look("nothing found")
    walk.search("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", status=404)
    expect(walk.page.locator("main")).to_contain_text("Bitcoin")
    walk.look("address of another network")
    box = walk.page.locator("#search-input")
    box.fill("")
    box.press_sequentially("30")
    expect(walk.page.locator("#search-suggestions [role=option]").first).to_contain_text("30")
    walk.look("suggestions")
    walk.click(walk.page.locator("#search-suggestions a"))


def _preferences(walk: Walk) -> None:
    page = walk.page
    walk.prefer("sat")
    expect(page.locator("main .amount .unit").first).to_have_text("sat")
    walk.prefer("Dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    walk.prefer("简体中文")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
    walk.look("home in Chinese")
    walk.prefer("English")
    walk.prefer("BTC")
    expect(page.locator("main .amount .unit").first).to_have_text("BTC")
