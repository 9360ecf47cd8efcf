"""The page of an address or another script: its figures, its pages, its links."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.chain.script import ScriptType, classify
from indexer.keys import script_hash
from indexer.queries.script_page import PAGE_SIZE, HistoryCursor
from indexer.schema import output, script, state
from tests.apps import app_for
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH
from tests.fixtures_scripted_index import ScriptedIndex, busy_chain
from tests.fixtures_site import Site
from tests.scripted_node import script_of
from webapp.config import EMBEDDED, Settings
from webapp.cursors import load_key, read_cursor, write_cursor
from webapp.qr import draw_qr


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_data(as_text=True)


def text_of(html: str) -> str:
    """What a person reads."""
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(without))


@pytest.fixture
def app(scripted_index: ScriptedIndex, tmp_path: Path) -> Flask:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, data_directory=tmp_path)
    return app_for(settings, scripted_index.database)


def name_of(index: ScriptedIndex, wanted: bytes) -> str:
    return address_of(wanted, index.node.network) or ""


def older(html: str, anchor: str) -> str | None:
    found = re.search(rf'rel="next" href="([^"#]+)#{anchor}"', html)
    return unescape(found[1]) if found else None


def test_the_links_lead_through_the_whole_history_with_its_balances(
    scripted_index: ScriptedIndex, app: Flask
) -> None:
    shop = busy_chain(scripted_index, 2 * PAGE_SIZE + 5)
    account = scripted_index.accounts()[shop]
    client = app.test_client()
    path: str | None = f"/address/{name_of(scripted_index, shop)}"
    txids: list[str] = []
    balances: list[int] = []
    while path is not None:
        html = read(client, path)
        history = html[html.index('id="history"') :].split('id="coins"')[0]
        txids += re.findall(r'<tr id="tx-([0-9a-f]{64})"', history)
        cells = re.findall(r'<td class="number" data-label="Balance">(.*?)</td>', history, re.S)
        balances += [round(float(re.sub(r"<[^>]+>|BTC|\s", "", cell)) * 1e8) for cell in cells]
        path = older(html, "history")
    assert txids == [hash_hex(txid) for txid, _, _ in reversed(account.history)]
    assert balances == [balance for _, _, balance in reversed(account.history)]


def test_a_forged_balance_is_not_shown(scripted_index: ScriptedIndex, app: Flask) -> None:
    shop = busy_chain(scripted_index, 2 * PAGE_SIZE)
    client = app.test_client()
    path = f"/address/{name_of(scripted_index, shop)}"
    link = older(read(client, path), "history")
    assert link is not None
    cursor = link.partition("before=")[2]
    tx_id, balance, signature = cursor.split(".")
    assert "come from the newest" not in text_of(read(client, link))
    for forged in (f"{tx_id}.{int(balance) + 1}.{signature}", f"{tx_id}.9", tx_id):
        html = read(client, f"{path}?before={forged}")
        assert "Balances are known when you come from the newest transaction" in text_of(html)
    message = text_of(read(client, f"{path}?before=nonsense", 400))
    assert "“before” is “nonsense”" in message
    assert "“coins” is “x”" in text_of(read(client, f"{path}?coins=x", 400))


def test_cursors_hold_only_for_what_they_were_made_for(app: Flask) -> None:
    with app.test_request_context():
        text = write_cursor(HistoryCursor(77, -5), b"script", 3)
        assert read_cursor(text, b"script", 3) == HistoryCursor(77, -5)
        assert read_cursor(text, b"other", 3) == HistoryCursor(77, None)
        assert read_cursor(text, b"script", None) == HistoryCursor(77, None)
        assert read_cursor("", b"script") is None


def test_processes_share_a_key_where_they_share_a_directory(tmp_path: Path) -> None:
    first = load_key(tmp_path)
    assert load_key(tmp_path) == first
    assert len(first) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["cursor.key"]
    assert tmp_path.joinpath("cursor.key").stat().st_mode & 0o077 == 0
    missing = tmp_path / "missing"
    assert load_key(missing) != load_key(missing)


def test_a_script_without_an_address_goes_by_its_hash(demo_site: Site) -> None:
    client = demo_site.app.test_client()
    with demo_site.database.read() as connection:
        scripts = [bytes(each) for each in connection.scalars(select(output.c.script).distinct())]
    by_type = {classify(each): each for each in scripts}
    assert {ScriptType.P2PK, ScriptType.MULTISIG, ScriptType.OP_RETURN} <= by_type.keys()
    for kind, each in by_type.items():
        path = f"/script/{hash_hex(script_hash(each))}"
        address = address_of(each, demo_site.node.network)
        if address is None:
            html = read(client, path)
            assert "<h1>Script</h1>" in html
            assert "QR code" not in html
        else:
            assert client.get(path).headers["Location"] == f"/address/{address}"
            html = read(client, f"/address/{address}")
            assert "QR code of the address" in html
        assert each.hex()[:4000] in html
        assert kind


def test_every_address_shows_what_its_script_row_says(demo_site: Site) -> None:
    client = demo_site.app.test_client()
    with demo_site.database.read() as connection:
        rows = connection.execute(
            select(script.c.tx_count, script.c.unspent_count, output.c.script)
            .join(output, output.c.output_id == script.c.script_id)
            .order_by(script.c.tx_count.desc())
            .limit(40)
        ).all()
    assert rows[0].tx_count > 1_000
    for row in rows:
        address = address_of(bytes(row.script), demo_site.node.network)
        if address is None:
            continue
        text = text_of(read(client, f"/address/{address}"))
        assert f"Transactions {row.tx_count:,}" in text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/address/hello", 404, "is no address here"),
        ("/address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", 404, "an address of Bitcoin"),
        ("/address/mgizqiJbqJVwBzBJniEFcTQUe7M2mJcYuu", 404, "the checksum is wrong"),
        ("/script/xyz", 404, "64 hexadecimal digits"),
        (f"/script/{'ab' * 32}", 404, "No output of the chain or the mempool"),
    ],
)
def test_bad_requests_say_what_was_expected(
    demo_site: Site, path: str, status: int, words: str
) -> None:
    assert words in text_of(read(demo_site.app.test_client(), path, status))


def test_capitals_lead_to_the_address_as_it_is_written(
    scripted_index: ScriptedIndex, app: Flask
) -> None:
    address = name_of(scripted_index, script_of("miner"))
    response = app.test_client().get(f"/address/{address.upper()}")
    assert response.status_code == 301
    assert response.headers["Location"] == f"/address/{address}"


def test_an_address_that_nothing_has_paid(scripted_index: ScriptedIndex, app: Flask) -> None:
    text = text_of(read(app.test_client(), f"/address/{name_of(scripted_index, script_of('x'))}"))
    assert "Never used" in text
    assert "Nothing on this chain has paid it yet" in text


def test_pages_say_how_far_the_index_is(scripted_index: ScriptedIndex, app: Flask) -> None:
    shop = busy_chain(scripted_index, 3)
    with scripted_index.database.write() as connection:
        connection.execute(update(state).values(phase="bulk"))
    client = app.test_client()
    text = text_of(read(client, f"/address/{name_of(scripted_index, shop)}"))
    assert "The index is still being built" in text
    assert f"It has reached block {len(scripted_index.node.chain) - 1}." in text
    assert "Confirmed balance" not in text
    assert "once the index is complete" in text_of(
        read(client, f"/script/{hash_hex(script_hash(shop))}", 404)
    )


def test_the_qr_code_is_the_address(demo_site: Site) -> None:
    """Its modules, drawn again from the path, are those of the library."""
    text = "bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    drawing = draw_qr(text)
    dark = {
        (int(x) + step, int(y))
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", drawing.path)
        for step in range(int(width))
    }
    finder = {(4 + x, 4 + y) for x in range(7) for y in range(7)}
    light_ring = {(x, y) for x, y in finder if max(abs(x - 7), abs(y - 7)) == 2}
    assert dark & finder == finder - light_ring
    assert len(dark) > 300
    assert drawing.size == 41


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
def test_pages_are_accessible_and_fit(
    demo_site: Site,
    open_page: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    width: int,
    theme: str,
) -> None:
    with demo_site.database.read() as connection:
        busy = connection.scalar(
            select(output.c.script)
            .join(script, script.c.script_id == output.c.output_id)
            .order_by(script.c.tx_count.desc())
            .limit(1)
        )
    address = address_of(bytes(busy or b""), demo_site.node.network)
    page = open_page(f"{demo_site.origin}/address/{address}", width=width, theme=theme)
    for summary in page.locator("details.disclosure > summary").all():
        summary.click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#history").get_by_role("link", name="Older").click()
    expect(page.locator("#history").get_by_role("link", name="Newest")).to_be_visible()
    assert axe(page) == []


def test_searching_by_keyboard_reaches_the_tip(
    demo_site: Site, open_page: Callable[..., Page]
) -> None:
    tip = demo_site.node.tip()
    page = open_page(demo_site.origin)
    page.keyboard.press("/")
    page.keyboard.type(str(tip.height))
    option = page.get_by_role("option")
    expect(option).to_contain_text("Block")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/block/{hash_hex(tip.hash)}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_search_results_are_accessible(
    demo_site: Site, open_page: Callable[..., Page], axe: Callable[[Page], list[str]], theme: str
) -> None:
    key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    for text in (key, "hello world"):
        page = open_page(
            f"{demo_site.origin}/search?q={text}", theme=theme, expected=("status of 404",)
        )
        assert axe(page) == []
