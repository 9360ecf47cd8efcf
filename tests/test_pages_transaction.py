"""The page of a transaction: every figure is the chain's, every text inert, every link leads."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import cast

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from indexer.chain.encoding import Transaction, hash_hex, parse_block
from indexer.chain.script import p2wpkh
from indexer.node.embedded import EmbeddedNode
from indexer.queries.transaction_parts import PAGE_SIZE
from indexer.schema import mempool_tx, replacement, stale_block, tx
from tests.apps import app_for
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH
from tests.fixtures_scripted_index import ScriptedIndex
from tests.fixtures_site import Site
from tests.scripted_node import script_of, spend
from tests.walk import Sight, find_sights
from webapp.config import EMBEDDED, Settings

Sights = dict[str, Sight]


@pytest.fixture(scope="module")
def sights(demo_site: Site) -> Sights:
    return find_sights(demo_site.node)


@pytest.fixture
def scripted_client(scripted_index: ScriptedIndex, tmp_path: Path) -> FlaskClient:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, data_directory=tmp_path)
    return app_for(settings, scripted_index.database).test_client()


@pytest.fixture
def client(demo_site: Site) -> FlaskClient:
    return demo_site.app.test_client()


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_data(as_text=True)


def text_of(html: str) -> str:
    """What a person reads."""
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(without))


def transaction_of(site: Site, sight: Sight) -> Transaction:
    block = parse_block(site.node.block(site.node.block_hash(sight.height)), site.node.network)
    return block.transactions[sight.position]


def test_every_kind_of_transaction_shows_its_bytes(
    client: FlaskClient, demo_site: Site, sights: Sights
) -> None:
    assert {"in p2tr-script", "in p2wsh", "in p2sh", "in multisig", "in p2pk"} <= sights.keys()
    for sight in set(sights.values()):
        transaction = transaction_of(demo_site, sight)
        html = read(client, f"/tx/{sight.txid}")
        raw = transaction.serialize()
        assert raw.hex() in html
        assert read(client, f"/tx/{sight.txid}/hex") == raw.hex()
        assert client.get(f"/tx/{sight.txid}/raw").get_data() == raw
        for vout in range(min(len(transaction.outputs), PAGE_SIZE)):
            assert f'id="out-{vout}"' in html
        assert "Verified" in html


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("in multisig", ["Bare multisig", "keys must sign"]),
        ("in p2wsh", ["Witness script", "P2WSH"]),
        ("in p2tr-script", ["Taproot, script path", "Control block", "Internal key", "Tapscript"]),
        ("in p2tr-key", ["Taproot, key path", "Schnorr signature"]),
        ("in p2sh-p2wpkh", ["P2SH-P2WPKH", "Redeem script"]),
        ("in p2pkh", ["P2PKH", "scriptSig"]),
        ("coinbase", ["Newly minted coins", "Subsidy", "Coinbase"]),
        ("out op_return", ["cannot be spent"]),
    ],
)
def test_scripts_are_explained(
    client: FlaskClient, sights: Sights, kind: str, words: list[str]
) -> None:
    text = text_of(read(client, f"/tx/{sights[kind].txid}"))
    for each in words:
        assert each in text


def test_hostile_data_is_shown_inert(client: FlaskClient, sights: Sights) -> None:
    hostile = [
        (bytes.fromhex(kind.removeprefix("data ")), sight)
        for kind, sight in sights.items()
        if kind.startswith("data ")
    ]
    markup = [each for each in hostile if b"<" in each[0] and b"aa21a9ed" not in each[0]]
    assert markup
    for data, sight in hostile:
        html = read(client, f"/tx/{sight.txid}")
        assert data[2:].hex() in html
        for smuggled in ("<script>alert", "<b hx-get", "<img src=x", "\u202e", "\u200b", "\x1b"):
            assert smuggled not in html


def test_a_batch_fits_one_page_and_links_every_output(
    client: FlaskClient, demo_site: Site, sights: Sights
) -> None:
    batch = transaction_of(demo_site, sights["batch"])
    html = read(client, f"/tx/{sights['batch'].txid}")
    assert len(re.findall(r'class="part" id="out-\d+"', html)) == len(batch.outputs)
    assert html.count("flow-rest") == 1


def test_links_between_spender_and_spent_lead_both_ways(
    client: FlaskClient, sights: Sights
) -> None:
    html = read(client, f"/tx/{sights['batch'].txid}")
    path, anchor = re.findall(r'spent by <a class="hash" href="([^"#]+)#(in-\d+)"', html)[0]
    there = read(client, path)
    assert f'id="{anchor}"' in there
    assert f'href="/tx/{sights["batch"].txid}' in there


def test_pending_replaced_and_stale_transactions(client: FlaskClient, demo_site: Site) -> None:
    with demo_site.database.read() as connection:
        pending = connection.scalars(select(mempool_tx.c.txid)).all()
        replaced = connection.execute(select(replacement.c.txid, replacement.c.replaced_by)).all()
        stale = connection.scalars(select(stale_block.c.hash)).all()
    assert pending
    for txid in pending:
        assert "Waiting for a block" in read(client, f"/tx/{hash_hex(bytes(txid))}")
    assert replaced
    for txid, successor in replaced:
        html = read(client, f"/tx/{hash_hex(bytes(txid))}")
        assert "Replaced: it will not confirm" in html
        assert hash_hex(bytes(successor)) in html
        assert "Replacements" in read(client, f"/tx/{hash_hex(bytes(successor))}")
    assert stale
    lost = parse_block(demo_site.node.block(bytes(stale[0])), demo_site.node.network)
    html = read(client, f"/tx/{hash_hex(lost.transactions[0].txid)}")
    assert "no longer part of the best chain" in html


def test_unconfirmed_relatives_are_listed(
    scripted_index: ScriptedIndex, scripted_client: FlaskClient
) -> None:
    coinbase = scripted_index.mine()
    value = coinbase.outputs[0].value
    parent = scripted_index.accept(spend([(coinbase, 0)], [(value - 150, script_of("alice"))]))
    child = scripted_index.accept(spend([(parent, 0)], [(value - 20_150, script_of("bob"))]))
    child_page = read(scripted_client, f"/tx/{hash_hex(child.txid)}")
    parent_page = read(scripted_client, f"/tx/{hash_hex(parent.txid)}")
    assert "Unconfirmed ancestors" in child_page
    assert f"relative-{hash_hex(parent.txid)}" in child_page
    assert "depends on 1 other unconfirmed transaction" in child_page
    assert "Unconfirmed descendants" in parent_page
    assert f"relative-{hash_hex(child.txid)}" in parent_page
    assert "CPFP" in parent_page


def test_a_transaction_of_thousands_of_parts_stays_small(
    scripted_index: ScriptedIndex, scripted_client: FlaskClient
) -> None:
    """Drawn, listed and paged within bounds; links lead to the page that holds the part."""
    coinbase = scripted_index.mine()
    count = 2_500
    value = coinbase.outputs[0].value // count
    outputs = [(value - number, script_of(f"user {number}")) for number in range(count)]
    fan_out = spend([(coinbase, 0)], outputs)
    scripted_index.mine(fan_out)
    fan_in = spend([(fan_out, number) for number in range(count)], [(1_000, script_of("vault"))])
    scripted_index.mine(fan_in)
    html = read(scripted_client, f"/tx/{hash_hex(fan_in.txid)}?in=1200")
    assert len(html) < 500_000
    assert len(re.findall(r'class="part" id="in-', html)) == PAGE_SIZE
    assert "1,200 to 1,259 of 2,500" in text_of(html)
    link = f"/tx/{hash_hex(fan_out.txid)}?out={1201 // PAGE_SIZE * PAGE_SIZE}#out-1201"
    assert link in html
    there = read(scripted_client, link.partition("#")[0])
    assert 'id="out-1201"' in there
    assert f"/tx/{hash_hex(fan_in.txid)}?in=1200#in-1201" in there


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/tx/xyz", 404, "64 hexadecimal digits"),
        (f"/tx/{'ab' * 32}", 404, "No transaction with this txid"),
        (f"/tx/{'ab' * 32}/hex", 404, "No transaction with this txid"),
        ("/tx/{txid}?in=no", 400, "“in” is “no”; expected a whole number"),
        ("/tx/{txid}?out=-1", 400, "“out” is “-1”"),
        ("/tx/{txid}?out=9999", 404, "out=9999: expected a number from 0 to"),
    ],
)
def test_bad_requests_say_what_was_expected(
    client: FlaskClient, sights: Sights, path: str, status: int, words: str
) -> None:
    html = read(client, path.format(txid=sights["batch"].txid), status)
    assert words in unescape(html)


def test_an_unchanged_page_is_not_sent_twice(client: FlaskClient, sights: Sights) -> None:
    first = client.get(f"/tx/{sights['batch'].txid}")
    again = client.get(
        f"/tx/{sights['batch'].txid}", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


def test_every_transaction_of_a_block_is_reached(client: FlaskClient, demo_site: Site) -> None:
    with demo_site.database.read() as connection:
        height = connection.scalar(
            select(tx.c.height).group_by(tx.c.height).order_by(func.count().desc()).limit(1)
        )
        txids = connection.scalars(select(tx.c.txid).where(tx.c.height == height)).all()
    for txid in txids:
        assert f">{height}</a>" in read(client, f"/tx/{hash_hex(bytes(txid))}")


def test_a_deep_link_highlights_its_output(
    demo_site: Site, sights: Sights, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{demo_site.origin}/tx/{sights['batch'].txid}#out-7", javascript=False)
    plain = page.locator("#out-6").evaluate("node => getComputedStyle(node).backgroundColor")
    linked = page.locator("#out-7").evaluate("node => getComputedStyle(node).backgroundColor")
    assert plain != linked
    expect(page.locator("#out-7")).to_be_in_viewport()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
def test_pages_are_accessible_and_fit(
    demo_site: Site,
    sights: Sights,
    open_page: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    width: int,
    theme: str,
) -> None:
    for kind in ("in p2tr-script", "out op_return"):
        page = open_page(f"{demo_site.origin}/tx/{sights[kind].txid}", width=width, theme=theme)
        for summary in page.locator("details.disclosure > summary").all():
            summary.click()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_in_wait_shows_the_transaction_when_it_comes_and_confirms(
    live_site: Site, open_page: Callable[..., Page]
) -> None:
    """The details somebody opened stay open while the page changes under them."""
    with live_site.database.read() as connection:
        txid = hash_hex(bytes(connection.scalars(select(mempool_tx.c.txid).limit(1)).one()))
    page = open_page(f"{live_site.origin}/tx/{txid}")
    expect(page.get_by_text("Waiting for a block")).to_be_visible()
    opened = page.locator("#out-0 details.disclosure")
    opened.locator("summary").click()
    miner = p2wpkh(b"\x07" * 20)
    cast(EmbeddedNode, live_site.node).mine(miner)
    live_site.step()
    expect(page.get_by_text("1 confirmation")).to_be_visible(timeout=10_000)
    expect(opened).to_have_attribute("open", "")
    expect(page.get_by_text("Verified")).to_be_visible()


def test_the_page_of_a_transaction_to_come_waits_for_it(
    live_site: Site, open_page: Callable[..., Page]
) -> None:
    coinbase_script = p2wpkh(b"\x08" * 20)
    node = cast(EmbeddedNode, live_site.node)
    tip = node.mine(coinbase_script)
    txid = hash_hex(parse_block(node.block(tip.hash), node.network).transactions[0].txid)
    page = open_page(f"{live_site.origin}/tx/{txid}", expected=("status of 404",))
    expect(page.get_by_text("No transaction with this txid")).to_be_visible()
    live_site.step()
    expect(page.get_by_text("Newly minted coins", exact=True)).to_be_visible(timeout=10_000)
