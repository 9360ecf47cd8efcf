"""An unlocked wallet in Chromium: it stays so from page to page, and locks when it should."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Request, expect

from tests.fixtures_site import Site
from tests.wallet_browser import PATIENCE, KnownWallet, Someone, WalletUser, make_known, sign_up

Opener = Callable[..., Page]

MINUTE = 60_000  # milliseconds
ZOO = [*["zoo"] * 11, "wrong"]
ABANDON = [*["abandon"] * 11, "about"]

HIDE = """
() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


@pytest.fixture(scope="module")
def someone(demo_site: Site) -> Someone:
    return sign_up(demo_site, "Locker")


@pytest.fixture(scope="module")
def wallet(someone: Someone) -> KnownWallet:
    return make_known(someone, ZOO)


@pytest.fixture
def person(demo_site: Site, open_page: Opener, someone: Someone, wallet: KnownWallet) -> WalletUser:
    """Their wallet is unlocked and its page open, at a clock that the test can put forward."""
    page = open_page(
        f"{demo_site.origin}/wallets/new",
        storage_state=someone.storage,
        expected=("status of 404", "ERR_INTERNET_DISCONNECTED", "htmx:error", "htmx:sse:error"),
    )
    page.clock.install()
    person = WalletUser(page, demo_site.origin)
    person.restore_known(wallet)
    return person


def require_locked(person: WalletUser) -> None:
    expect(person.page.locator("html")).not_to_have_attribute("data-any-unlocked", "")
    person.expect_lock("locked")
    expect(person.page.locator("#announcer")).to_have_text("The wallet is locked.")


def try_to_sign(person: WalletUser, wallet: KnownWallet) -> None:
    page = person.page
    page.locator("#address").fill(wallet.address())
    page.locator("#message").fill("It is mine.")
    page.get_by_role("button", name="Sign", exact=True).click()


def test_without_a_person(person: WalletUser, wallet: KnownWallet) -> None:
    page = person.page
    page.clock.fast_forward(4 * MINUTE)
    page.mouse.move(5, 5)
    page.clock.fast_forward(4 * MINUTE)
    person.expect_lock("unlocked")
    held = set(page.workers)
    page.clock.fast_forward(MINUTE + 1000)
    require_locked(person)
    assert held - set(page.workers)  # the worker is gone, and with it the keys
    person.go(f"{wallet.path}/messages")
    try_to_sign(person, wallet)
    expect(page.locator("#unlock-password")).to_be_focused(timeout=PATIENCE)
    page.keyboard.press("Escape")
    expect(page.locator("#unlock")).to_be_hidden()
    expect(page.locator("[data-form=sign] [data-problem]")).to_have_text("The wallet is locked.")
    expect(page.locator("#signature")).to_be_hidden()
    try_to_sign(person, wallet)
    person.give_password("not the password")
    expect(page.locator("#unlock-error")).to_contain_text("not the password", timeout=PATIENCE)
    page.locator("#lock-minutes").select_option("60")
    person.give_password()
    expect(page.locator("#signature")).to_be_visible(timeout=PATIENCE)
    page.clock.fast_forward(59 * MINUTE)
    person.expect_lock("unlocked")  # the choice counts
    page.evaluate(HIDE)
    page.clock.fast_forward(5 * MINUTE + 1000)
    require_locked(person)  # five minutes out of sight are enough, whatever was chosen


def test_other_tabs_and_leaving(person: WalletUser, wallet: KnownWallet, demo_site: Site) -> None:
    page = person.page
    other = WalletUser(page.context.new_page(), demo_site.origin)
    other.go(wallet.path)
    other.expect_lock("locked")  # each tab has keys of its own
    other.unlock()
    person.expect_lock("unlocked")
    other.lock()
    person.expect_lock("locked")
    person.unlock()
    page.reload()
    person.expect_lock("locked")
    person.unlock()  # once, then it stays so
    page.get_by_role("link", name="Receive", exact=True).click()
    expect(page.locator("h1")).to_contain_text("zoo")
    person.expect_lock("unlocked")
    other.go("/account")
    for each in (page, other.page):
        each.evaluate("sessionStorage.setItem('send:/wallets/1', 'typed')")
    other.page.get_by_role("button", name="Sign out").first.click()
    other.page.wait_for_load_state()
    person.expect_lock("locked")
    for each in (page, other.page):
        each.wait_for_function("sessionStorage.length === 0")  # the next person sees none of it


def test_two_wallets(person: WalletUser, someone: Someone) -> None:
    """Each has its own keys and password, and no other opens it; locked are both at once."""
    page = person.page
    second = make_known(someone, ABANDON)
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    page.get_by_role("link", name="Add a wallet").click()
    page.get_by_role("link", name="Restore").first.click()
    person.type_words(second.words)
    page.get_by_role("button", name="Check the words").click()
    person.choose_password("Continue", "another good password")
    person.expect_wallet()
    person.expect_lock("unlocked")
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    page.get_by_role("link", name="zoo's wallet").click()
    person.expect_lock("unlocked")  # by keys that were there before
    person.lock()
    page.get_by_role("button", name="Unlock", exact=True).first.click()
    person.give_password("another good password")
    expect(page.locator("#unlock-error")).to_contain_text("not the password", timeout=PATIENCE)
    person.give_password()
    person.expect_lock("unlocked")
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    page.get_by_role("link", name="abandon's wallet").click()
    person.expect_lock("locked")


def test_a_wrong_clock(person: WalletUser) -> None:
    """It is said, and keeps no wallet open."""
    page = person.page
    told = page.get_by_text("The clock of this device and that of the server")
    page.get_by_role("link", name="Coins", exact=True).click()
    expect(page.locator("#coins")).to_be_visible()
    expect(told).to_be_hidden()
    page.clock.set_system_time(datetime(2020, 1, 1, tzinfo=UTC))
    page.get_by_role("link", name="History", exact=True).click()
    expect(told).to_be_visible()
    person.expect_lock("unlocked")
    page.clock.fast_forward(5 * MINUTE + 1000)
    require_locked(person)


def test_from_page_to_page(person: WalletUser, wallet: KnownWallet) -> None:
    page = person.page
    documents: list[str] = []

    def on_request(request: Request) -> None:
        if request.is_navigation_request():
            documents.append(request.url)

    page.on("request", on_request)
    heading, root = page.locator("h1"), page.locator("html")
    page.get_by_role("link", name="Blocks", exact=True).click()
    expect(heading).to_have_text("Blocks")
    expect(page).to_have_title(re.compile("^Blocks"))
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text(re.compile("^Blocks"))
    expect(page.locator("#nav [aria-current]")).to_have_text("Blocks")
    expect(root).to_have_attribute("data-live", "stream")
    assert "reorg" in (page.locator("#live").get_attribute("hx-sse:connect") or "")
    page.evaluate("window.scrollTo(0, 300)")
    page.locator("main td a[href^='/block/']").first.evaluate("link => link.click()")
    expect(heading).to_have_text(re.compile(r"Block \d"))
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(heading).to_have_text("Blocks")
    expect(page).to_have_url(re.compile("/blocks$"))
    page.wait_for_function("scrollY === 300")
    page.go_back()
    expect(page.locator("[data-wallet]")).to_be_visible()
    person.expect_lock("unlocked")
    page.go_forward()
    expect(heading).to_have_text("Blocks")
    page.locator("#search-input").fill("100")
    page.keyboard.press("Enter")
    expect(heading).to_contain_text("Block 100")
    page.locator("#preferences > summary").click()
    page.get_by_role("button", name="sat", exact=True).click()
    expect(page.locator("main .unit").first).to_have_text("sat")
    page.locator("#preferences > summary").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.locator("#search-input").fill("there is no such thing")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Search")
    _find_no_server(page)
    expect(heading).to_have_text("Search")
    assert documents == []
    expect(root).to_have_attribute("data-any-unlocked", "")
    person.lock()
    page.get_by_role("link", name="Mempool", exact=True).click()
    expect(heading).to_have_text("Mempool")
    assert [url.rpartition("/")[2] for url in documents] == ["mempool"]  # locked: as ever


def _find_no_server(page: Page) -> None:
    page.context.set_offline(True)
    page.get_by_role("link", name="Mempool", exact=True).click()
    expect(page.locator("#note")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
