"""Sending in a real Chromium: typed, drawn, checked by the worker, signed, followed."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import hash_from_hex
from indexer.queries.transactions import find_pending
from tests.fixtures_browser import Axe
from tests.fixtures_clients import LiveChain
from tests.test_wallet_send import payee
from wallet.keys import Account, KeyNode, Purpose
from wallet.seed import seed_of_words
from wallet.spending import of_account

Opener = Callable[..., Page]

WORDS = "abandon " * 11 + "about"
PASSWORD = "correct horse battery"
COIN = 100_000_000


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


def address_in(chain: LiveChain, index: int) -> str:
    network = chain.node.network
    account = Account(KeyNode.master(seed_of_words(WORDS), network), network, Purpose.P2WPKH)
    address = address_of(of_account(Purpose.P2WPKH, account.key(0, index)).script, network)
    assert address is not None
    return address


def test_two_are_paid_and_the_payment_is_bumped(
    live_chain: LiveChain, open_page: Opener, axe: Axe
) -> None:
    page = open_page(f"{live_chain.site.origin}/wallets/new/restore")
    restore(page)
    live_chain.pay(address_in(live_chain, 0), COIN)
    live_chain.mine()
    page.get_by_role("link", name="Send", exact=True).click()
    page.locator("#send-form").wait_for()
    assert axe(page) == []

    first, second = payee(live_chain, 1), payee(live_chain, 2)
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
    page.screenshot(path="/tmp/send-1280.png", full_page=True)
    page.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Is this what you want to pay?")
    expect(dialog).to_contain_text(first)
    expect(dialog).to_contain_text("0.25 BTC")
    expect(dialog).to_contain_text("(2.5 sat/vB)")
    page.screenshot(path="/tmp/confirm-1280.png")
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
    page.screenshot(path="/tmp/tx-1280.png", full_page=True)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Review and sign").click()
    expect(dialog).to_contain_text("(8 sat/vB)")
    dialog.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_text("Waiting for a block")).to_be_visible()
    assert page.url.rsplit("/", 1)[1] != txid[::-1].hex()
    live_chain.mine()
    expect(page.get_by_text("Confirmed, 1 block deep")).to_be_visible()
