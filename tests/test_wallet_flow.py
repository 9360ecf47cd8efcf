"""The whole way in Chromium, by clicking only, for each kind of account: a wallet is made, funded,
spent from, bumped, locked, and restored in another browser. Meanwhile everything that leaves the
browser or is kept anywhere is searched for secrets."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from indexer.chain.address import address_of
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Axe, Watcher
from tests.fixtures_demo import WrittenHistory
from tests.fixtures_site import Site, demo_site_at
from tests.walk import Walk
from tests.wallet_browser import PASSWORD, PATIENCE, WalletUser
from tests.wallet_secrets import Capture, Secrets, files_below, stored_in
from wallet.keys import Purpose
from webapp.demo.economy import Economy


@dataclass
class World:
    """A site that the test moves, and what the browsers did."""

    site: Site
    economy: Economy
    browser: Browser
    directory: Path
    capture: Capture
    watchers: list[Watcher]
    contexts: list[BrowserContext]

    def enter(self, width: int = DESK_WIDTH) -> WalletUser:
        """A browser of its own, in which nobody is known."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, accept_downloads=True
        )
        self.contexts.append(context)
        self.capture.watch(context)
        page = context.new_page()
        watcher = Watcher(self.site.origin)
        watcher.watch(page)
        self.watchers.append(watcher)
        return WalletUser(page, self.site.origin)

    def waiting(self) -> set[bytes]:
        """The transaction ids in the mempool."""
        return set(self.site.node.mempool(frozenset()).added)

    def confirm(self, *txids: bytes) -> None:
        """Mine until these are in a block."""
        while self.waiting().intersection(txids):
            self.economy.mine_next()
            self.site.step()


@pytest.fixture(scope="module")
def moving(
    demo_history: WrittenHistory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Economy, Path]]:
    directory = tmp_path_factory.mktemp("flow")
    for site in demo_site_at(demo_history, directory):
        assert isinstance(site.node, EmbeddedNode)
        economy = Economy(site.node)
        economy.resume()
        yield site, economy, directory


@pytest.fixture
def world(moving: tuple[Site, Economy, Path], browser: Browser) -> Iterator[World]:
    site, economy, directory = moving
    world = World(site, economy, browser, directory, Capture(), [], [])
    yield world
    for context in world.contexts:
        context.close()
    assert [problem for watcher in world.watchers for problem in watcher.problems] == []


def somebodys_address(site: Site, name: str) -> str:
    script = b"\x00\x14" + sha256(name.encode()).digest()[:20]
    address = address_of(script, site.node.network)
    assert address is not None
    return address


@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_whole_way(
    world: World, axe: Axe, purpose: Purpose, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person = world.enter()
    page = person.page
    person.go("/wallets")
    look = _looker(page, axe, purpose)
    page.get_by_role("link", name="Create a wallet").first.click()
    words = person.create([int(purpose)])
    home = person.path
    _fund(world, person)
    look("history")
    txid = _send(world, person, look)
    look("waiting transaction")
    bumped = _bump(world, person, txid)
    _take_the_books(person, home, bumped)
    person.lock()
    person.expect_lock("locked")
    person.unlock()
    page.get_by_role("link", name="History", exact=True).click()
    balance = page.locator("#balance .stat-value").first
    expect(balance).to_contain_text("0.19", timeout=PATIENCE)
    other = world.enter(PHONE_WIDTH)
    other.restore(words)
    expect(other.page.locator("#balance .stat-value").first).to_have_text(
        balance.text_content() or ""
    )
    _require_secrecy(world, words, caplog.text)


def _looker(page: Page, axe: Axe, purpose: Purpose) -> Callable[[str], None]:
    """Looks whether a page is whole; once is enough, since the pages are the same for all kinds."""

    def look(name: str) -> None:
        if purpose is Purpose.P2WPKH:
            walk = Walk(page, axe)
            walk.look(name)
            walk.require_whole()

    return look


def _fund(world: World, person: WalletUser) -> None:
    """From the faucet; it is seen to arrive, and to confirm, without anything being pressed."""
    page = person.page
    page.get_by_role("link", name="Receive", exact=True).click()
    expect(page.get_by_text("Confirmed by your key", exact=True)).to_be_visible(timeout=PATIENCE)
    before = world.waiting()
    page.get_by_role("button", name="Get test coins").click()
    expect(page.locator("#faucet-said")).to_contain_text("on their way", timeout=PATIENCE)
    paid = world.waiting() - before
    world.site.step()
    expect(page.locator("#arrival")).to_contain_text("Received", timeout=PATIENCE)
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator("#history tr.is-pending")).to_have_count(1)
    world.confirm(*paid)
    expect(page.locator("#history tr.is-pending")).to_have_count(0, timeout=PATIENCE)
    expect(page.locator("#balance .stat-value").first).to_contain_text("0.5")


def _send(world: World, person: WalletUser, look: Callable[[str], None]) -> str:
    """To two recipients at a rate of one's own; the transaction's id."""
    page = person.page
    page.get_by_role("link", name="Send", exact=True).click()
    rows = page.locator("[data-row]")
    rows.nth(0).locator("[name=to]").fill(somebodys_address(world.site, "one"))
    rows.nth(0).locator("[name=amount]").fill("0.1")
    page.get_by_role("button", name="Another recipient").click()
    rows.nth(1).locator("[name=to]").fill(somebodys_address(world.site, "two"))
    rows.nth(1).locator("[name=amount]").fill("0.2")
    page.get_by_label("Exact rate").check()
    page.locator("#rate").fill("3")
    look("filled form")
    page.get_by_role("button", name="Review", exact=True).click()
    confirm = page.locator("#confirm")
    expect(confirm.locator("[data-payments] li")).to_have_count(2, timeout=PATIENCE)
    expect(confirm).to_contain_text(somebodys_address(world.site, "two"))
    expect(confirm.locator("[data-rate]")).to_contain_text("3")
    look("confirmation")
    confirm.get_by_role("button", name="Sign and send").click()
    return _sent(world, page)


def _sent(world: World, page: Page) -> str:
    expect(page.get_by_text("On its way")).to_be_visible(timeout=PATIENCE)  # not in the index yet
    world.site.step()
    expect(page.get_by_text("Waiting for a block")).to_be_visible(timeout=PATIENCE)
    return urlsplit(page.url).path.rpartition("/")[2]


def _bump(world: World, person: WalletUser, txid: str) -> str:
    """Pay more, and see the replacement confirm; its id."""
    page = person.page
    page.get_by_label("Pay a higher fee").check()
    page.locator("#raise-rate").fill("12")
    page.locator("#raise").get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Review and sign").click()
    confirm = page.locator("#confirm")
    expect(confirm.locator("[data-rate]")).to_contain_text("12", timeout=PATIENCE)
    confirm.get_by_role("button", name="Sign and send").click()
    expect(page).not_to_have_url(f"{person.origin}/wallets/1/tx/{txid}")
    bumped = _sent(world, page)
    assert bumped != txid
    world.confirm(bytes.fromhex(bumped)[::-1])
    expect(page.get_by_text("Confirmed,")).to_be_visible(timeout=PATIENCE)
    return bumped


def _take_the_books(person: WalletUser, home: str, txid: str) -> None:
    page = person.page
    page.get_by_role("link", name="History", exact=True).click()
    expect(page).to_have_url(person.origin + home)
    with page.expect_download() as download:
        page.get_by_role("link", name="as CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert txid in text
    assert "0.50000000" in text


def _require_secrecy(world: World, words: list[str], log: str) -> None:
    """THREATS 5: the words, keys, seed and password are nowhere but in the worker."""
    secrets = Secrets.of(words, PASSWORD, world.site.node.network)
    for known in (" ".join(words), "%2C".join(words), PASSWORD, *secrets.literal):
        assert secrets.found_in(f"... {known} ...")  # the search works
    assert len(world.capture.sent) > 50
    found = {text[:200]: secrets.found_in(text) for text in world.capture.sent}
    found |= {f"console: {text[:200]}": secrets.found_in(text) for text in world.capture.said}
    found |= {"storage": [m for c in world.contexts for m in secrets.found_in(stored_in(c))]}
    found |= {"log": secrets.found_in(log)}
    found |= {name: secrets.found_in(text) for name, text in files_below(world.directory)}
    assert {place: what for place, what in found.items() if what} == {}
