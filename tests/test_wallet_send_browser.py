"""Sending in a real Chromium: typed, drawn, checked by the worker, signed, followed."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, StorageState, expect

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import hash_from_hex
from indexer.chain.network import Network
from indexer.queries.transactions import find_pending
from tests.fixtures_browser import PHONE_WIDTH, Axe
from tests.fixtures_clients import LiveChain, followed
from tests.fixtures_litecoind import Daemon
from tests.fixtures_site import Site
from tests.test_wallet_send import payee
from tests.wallet_people import Person, settle
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.seed import seed_of_words
from wallet.spending import of_account

Opener = Callable[..., Page]

WORDS = "abandon " * 11 + "about"
PASSWORD = "correct horse battery"
COIN = 100_000_000
P2WSH = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
MOST_STOPS = 80  # of the Tab key on one page
CONFIRM = "Is this what you want to pay?"


def restore(page: Page) -> None:
    """A wallet of the usual words, by the pages as a person uses them."""
    for number, word in enumerate(WORDS.split()):
        page.locator("[data-words] input").nth(number).fill(word)
    page.get_by_role("button", name="Check the words").click()
    page.fill("#password", PASSWORD)
    page.fill("#password-again", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Open the wallet").click()
    page.get_by_role("link", name="Send", exact=True).wait_for()


def address_on(network: Network, index: int) -> str:
    account = Account(KeyNode.master(seed_of_words(WORDS), network), network, Purpose.P2WPKH)
    address = address_of(
        of_account(Purpose.P2WPKH, account.key(Branch.RECEIVE, index)).script, network
    )
    assert address is not None
    return address


def session_of(person: Person) -> StorageState:
    """For a browser, the cookie of who is signed in."""
    name = person.site.app.config["SESSION_COOKIE_NAME"]
    cookie = person.client.get_cookie(name)
    assert cookie is not None
    return {
        "cookies": [{"name": name, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}],
        "origins": [],
    }


def fill_in(page: Page, first: str, second: str) -> None:
    """Two recipients, the second by a link, and a fee; with a mistake on the way."""
    page.fill("#to-0", first)
    page.fill("#amount-0", "2")
    expect(page.locator("#amount-0-error")).to_contain_text("There is not enough")
    page.fill("#amount-0", "0.25")
    page.get_by_role("button", name="Another recipient").click()
    page.fill("#to-1", f"bitcoin:{second}?amount=0.1&label=Oil")
    page.locator("#to-1").blur()
    expect(page.locator("#amount-1")).to_have_value("0.1")
    page.get_by_label("Amounts in").select_option("small")
    expect(page.locator("#amount-1")).to_have_value("10000000")
    page.fill("#rate", "2.5")
    expect(page.locator("#preview .flow-band")).to_have_count(5)
    look_on_a_phone(page)


def unlock(page: Page) -> None:
    page.fill("#unlock-password", PASSWORD)
    page.locator("#unlock").get_by_role("button", name="Unlock").click()


def look_on_a_phone(page: Page) -> None:
    """With the longest address there is, which is named in a remark as well."""
    at_desk = page.viewport_size
    assert at_desk is not None
    page.get_by_role("button", name="Another recipient").click()
    page.fill("#to-2", P2WSH)
    page.fill("#amount-2", "1000")
    expect(page.locator("#preview")).to_contain_text(f"link the payments to {P2WSH}")
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE_WIDTH
    page.set_viewport_size(at_desk)
    page.get_by_role("button", name="Remove").last.click()
    expect(page.locator("#preview .flow-band")).to_have_count(5)


def test_two_are_paid_and_the_payment_is_bumped(
    live_chain: LiveChain, open_page: Opener, axe: Axe
) -> None:
    page = open_page(f"{live_chain.site.origin}/wallets/new/restore")
    restore(page)
    live_chain.pay(address_on(live_chain.node.network, 0), COIN)
    live_chain.pay(P2WSH, COIN)
    live_chain.mine()
    page.get_by_role("link", name="Send", exact=True).click()
    page.locator("#send-form").wait_for()
    assert axe(page) == []

    first, second = payee(live_chain, 1), payee(live_chain, 2)
    fill_in(page, first, second)
    page.reload()  # what was typed is still there; the keys are not
    expect(page.locator("#to-0")).to_have_value(first)
    expect(page.locator("#amount-1")).to_have_value("10000000")
    expect(page.locator("#rate")).to_have_value("2.5")
    expect(page.locator("#preview .flow-band")).to_have_count(5)
    page.get_by_role("button", name="Review").click()
    unlock(page)
    dialog = page.get_by_role("dialog", name=CONFIRM)
    expect(dialog).to_contain_text(first)
    dialog.get_by_role("button", name="Back").click()
    page.reload()  # in the middle of it: the draft goes on, behind the password
    page.get_by_role("button", name="Review and sign").click()
    unlock(page)
    expect(dialog).to_contain_text(first)
    expect(dialog).to_contain_text("0.25 BTC")
    expect(dialog).to_contain_text("(2.5 sat/vB)")
    assert axe(page) == []
    dialog.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_text("Waiting for a block")).to_be_visible()
    assert axe(page) == []
    txid = hash_from_hex(page.url.rsplit("/", 1)[1])
    with live_chain.site.database.read() as index:
        found = find_pending(index, txid, live_chain.node.network)
    assert found is not None
    paid = {output.script: output.value for output in found.transaction.outputs}
    assert paid[script_of(first, live_chain.node.network)] == COIN // 4
    assert paid[script_of(second, live_chain.node.network)] == COIN // 10

    page.fill("#raise-rate", "8")
    expect(page.locator("#raise-preview")).to_contain_text("8 sat/vB")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Review and sign").click()
    expect(dialog).to_contain_text("(8 sat/vB)")
    dialog.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_text("Waiting for a block")).to_be_visible()
    assert page.url.rsplit("/", 1)[1] != txid[::-1].hex()
    live_chain.mine()
    expect(page.get_by_text("Confirmed, 1 block deep")).to_be_visible()
    pay_a_fee_that_is_too_high(page, first)


def pay_a_fee_that_is_too_high(page: Page, to: str) -> None:
    """The worker does not sign it unasked."""
    page.get_by_role("link", name="Send", exact=True).click()
    page.fill("#to-0", to)
    page.fill("#amount-0", "0.00002")
    page.fill("#rate", "10")
    expect(page.locator("#preview")).to_contain_text("High fee for this amount")
    page.get_by_role("button", name="Review").click()
    warning = page.get_by_role("dialog", name="This fee is unusually high")
    expect(warning).to_contain_text("% of what you pay")
    warning.get_by_role("button", name="Pay this fee all the same").click()
    dialog = page.get_by_role("dialog", name=CONFIRM)
    expect(dialog).to_contain_text("You said that you want it")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_be_hidden()


def reach(page: Page, target: Locator) -> None:
    """By the Tab key alone."""
    for _stop in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} cannot be reached by keyboard")


def press(page: Page, target: Locator) -> None:
    reach(page, target)
    page.keyboard.press("Enter")


def test_the_same_on_litecoin_through_a_real_daemon(
    litecoind: Daemon, litecoin_site: Site, open_page: Opener
) -> None:
    """By keyboard alone, once the wallet is there."""
    to = litecoind.address(kind="bech32")
    somebody = settle(litecoin_site, "Somebody")
    with followed(litecoin_site):
        page = open_page(
            f"{litecoin_site.origin}/wallets/new/restore", storage_state=session_of(somebody)
        )
        restore(page)
        litecoind.send(address_on(litecoind.network, 0), 1.5)
        litecoind.mine()
        press(page, page.get_by_role("link", name="Send", exact=True))
        page.locator("#send-form").wait_for()
        reach(page, page.locator("#to-0"))
        page.keyboard.type(to)
        reach(page, page.locator("#amount-0"))
        page.keyboard.type("0.75")
        reach(page, page.get_by_label("Normal"))
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("Slow")).to_be_checked()
        reach(page, page.get_by_label("Note", exact=True))
        page.keyboard.type("Firewood")
        # The coin may need a moment to arrive: the drawing follows what is typed.
        expect(page.locator("#preview .flow-band")).to_have_count(4)
        press(page, page.get_by_role("button", name="Review"))
        dialog = page.get_by_role("dialog", name=CONFIRM)
        expect(dialog).to_contain_text(to)
        expect(dialog).to_contain_text("0.75 LTC")
        press(page, dialog.get_by_role("button", name="Sign and send"))
        expect(page.get_by_text("Waiting for a block")).to_be_visible()
        assert page.url.rsplit("/", 1)[1] in litecoind.rpc("getrawmempool")
        expect(page.get_by_text("Firewood")).to_be_visible()
        litecoind.mine()
        expect(page.get_by_text("Confirmed, 1 block deep")).to_be_visible(timeout=20_000)
    assert litecoind.rpc("getreceivedbyaddress", to, 1, wallet="miner") == 0.75
