"""The list of wallets and a wallet's history in a real browser: live, by keyboard, on a phone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from indexer.chain.encoding import TxOutput, hash_hex
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_browser import PHONE_WIDTH, Axe
from tests.fixtures_embedded import Miner
from tests.fixtures_site import Site, open_site
from tests.wallet_cast import descriptor_of, request_of
from wallet.builder import sign
from wallet.keys import Branch
from webapp.config import EMBEDDED, Settings
from webapp.demo.cast import AMIRA, BO, Member

Opener = Callable[..., Page]

PATIENCE = 30_000  # milliseconds: the machine may be busy with other tests
FEE = 1_000
HOSTILE = '<b hx-get="/evil" hx-trigger="load">\u202etxt</b>'
KEEP = "async (body) => (await (await fetch('/wallets', {method: 'POST', body, headers: " \
    "{'Content-Type': 'application/json'}})).json()).url"  # fmt: skip


@pytest.fixture
def site(embedded_node: EmbeddedNode, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED)
    yield from open_site(embedded_node, tmp_path, settings)


def pay(site: Site, miner: Miner, member: Member, position: int, amount: int, fee: int) -> str:
    """From the miner's first coin, replacing what spent it before; the txid."""
    coin = miner.coins[0]
    script = descriptor_of(member, miner.node.network).scripts(Branch.RECEIVE, position, 1)[0]
    change = TxOutput(coin.value - amount - fee, miner.spend.script)
    payment = sign([coin], [TxOutput(amount, script), change])
    miner.node.submit(payment.serialize())
    site.step()
    return hash_hex(payment.txid)


def test_a_wallet_lives(site: Site, miner: Miner, open_page: Opener, axe: Axe) -> None:
    """From the empty list to a payment that arrives, is replaced, confirmed and labelled, without
    loading a page twice."""
    page = open_page(f"{site.origin}/wallets", width=1280)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.get_by_role("link", name="Create a wallet")).to_be_visible()
    assert axe(page) == []
    urls = [
        page.evaluate(KEEP, json.dumps(request_of(member, miner.node.network)))
        for member in (AMIRA, BO)
    ]
    page.goto(site.origin + urls[0])
    expect(page.locator("#history")).to_contain_text("Nothing has come in yet")
    assert axe(page) == []
    page.evaluate("window.stayed = true")
    listed = page.context.new_page()
    listed.goto(f"{site.origin}/wallets")
    first = pay(site, miner, AMIRA, 0, 123_400_000, FEE)
    row = page.locator(f"#tx-{first}")
    expect(row).to_contain_text("Unconfirmed", timeout=PATIENCE)
    expect(row).to_contain_text("+1.234")
    expect(listed.locator(".wallet-card").first).to_contain_text("+1.234", timeout=PATIENCE)
    second = pay(site, miner, AMIRA, 0, 123_400_000, 10 * FEE)
    row = page.locator(f"#tx-{second}")
    expect(row).to_contain_text("replaces an earlier version", timeout=PATIENCE)
    expect(page.locator(f"#tx-{first}")).to_have_count(0)
    label_by_keyboard(page, second)
    miner.mine()
    site.step()
    expect(row).to_contain_text("1 confirmation", timeout=PATIENCE)
    expect(row).to_contain_text("1.234")
    expect(page.locator("#balance")).to_contain_text("nothing unconfirmed")
    expect(row).to_contain_text("U+202E")
    miner.node.reorganise(1, miner.spend.script)
    site.step()
    expect(row).to_contain_text("Unconfirmed", timeout=PATIENCE)
    assert page.evaluate("window.stayed")
    assert not [url for url in asked if "evil" in url]
    miner.mine()
    site.step()
    look_everywhere(page, axe, ["/wallets", urls[0], f"{urls[0]}?text=nothing+is+like+that"])


def label_by_keyboard(page: Page, txid: str) -> None:
    """Opened, typed and kept without a pointer; what is typed survives that the page moves."""
    summary = page.locator(f"#label-tx-{txid} > summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("half a la")
    page.evaluate(
        "addEventListener('htmx:after:swap', () => { document.documentElement.id = 'swapped' })"
    )
    page.evaluate("document.body.dispatchEvent(new CustomEvent('live:tip', {bubbles: true}))")
    expect(page.locator("#swapped")).to_be_visible()
    field = page.locator(f"#label-tx-{txid} input[name=label]")
    expect(field).to_have_value("half a la")
    expect(field).to_be_focused()
    field.fill(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator(f"#label-tx-{txid} > summary")).to_contain_text("hx-get")


def look_everywhere(page: Page, axe: Axe, paths: list[str]) -> None:
    origin = page.url.partition("/wallets")[0]
    for width in (PHONE_WIDTH, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for path in paths:
            page.goto(origin + path)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert axe(page) == [], (path, width, scheme)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, wide)


def test_labels_without_script(demo_site: Site, open_page: Opener) -> None:
    page = open_page(f"{demo_site.origin}/wallets", javascript=False)
    body = request_of(BO, demo_site.node.network)
    answer = page.request.post(
        f"{demo_site.origin}/wallets", data=body, headers={"Sec-Fetch-Site": "same-origin"}
    )
    page.goto(demo_site.origin + answer.json()["url"])
    editor = page.locator("details.label-editor").nth(5)
    editor.locator("summary").click()
    editor.locator("input[name=label]").fill("Without script")
    editor.get_by_role("button", name="Save").click()
    expect(page.locator("details.label-editor").nth(5)).to_contain_text("Without script")
    with page.expect_download() as download:
        page.get_by_role("link", name="as CSV").click()
    assert "Without script" in Path(download.value.path()).read_text(encoding="utf-8")
