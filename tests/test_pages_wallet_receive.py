"""The receive page: the address it offers, the code, the gap limit, and what has come in."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route
from werkzeug.test import TestResponse

from indexer.chain.address import address_of
from indexer.chain.network import get_network
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_browser import Axe
from tests.fixtures_clients import followed
from tests.fixtures_site import Site
from tests.wallet_people import Person, settle
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.seed import seed_of_words
from wallet.spending import of_account
from wallet.uri import PaymentUri, write_uri
from webapp.demo.economy import Economy
from webapp.qr import draw_qr

OWN = {"Sec-Fetch-Site": "same-origin"}
ABANDON = "abandon " * 11 + "about"
PASSWORD = "correct horse battery"


def receive(person: Person, query: str = "") -> str:
    answer = person.client.get(person.path(f"/receive{query}"), follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def post(person: Person, rest: str, **typed: str) -> TestResponse:
    return person.client.post(person.path(rest), data=typed, headers=OWN)


def shown(text: str) -> tuple[str, int]:
    """The address that a page offers, and its position."""
    address = re.search(r'data-address="([^"]+)"', text)
    index = re.search(r'data-index="(\d+)"', text)
    assert address
    assert index
    return address[1], int(index[1])


@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_first_unused_address_is_offered(demo_site: Site, purpose: Purpose) -> None:
    ann = settle(demo_site, f"Ann of BIP{purpose.value}", purpose)
    text = receive(ann)
    assert shown(text) == (ann.address(), 0)
    uri = PaymentUri(ann.address())
    assert draw_qr(write_uri(uri, ann.network, for_qr=True)).path in text
    assert "Not confirmed by your key" in text


def test_amount_and_label_go_into_the_code(demo_site: Site) -> None:
    bea = settle(demo_site, "Bea")
    answer = post(bea, "/receive?position=0", amount="0.0012", unit="coin", label="Tea & cake")
    uri = PaymentUri(bea.address(), 120_000, "Tea & cake")
    assert answer.status_code == 200
    assert draw_qr(write_uri(uri, bea.network, for_qr=True)).path in answer.text
    assert 'value="Tea &amp; cake"' in answer.text
    again = post(bea, "/receive?position=0", amount="120000", unit="small", label="Tea & cake")
    assert draw_qr(write_uri(uri, bea.network, for_qr=True)).path in again.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"amount": "0.000000001"}, "9 decimals are too many"),
        ({"amount": "many"}, "is not a number"),
        ({"label": "x" * 101}, "At most 100 characters"),
    ],
)
def test_what_is_typed_wrongly_is_told_and_kept(
    demo_site: Site, typed: dict[str, str], said: str
) -> None:
    cleo = settle(demo_site, f"Cleo {said}")
    answer = post(cleo, "/receive?position=0", **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert next(iter(typed.values())) in answer.text
    plain = PaymentUri(cleo.address())
    assert draw_qr(write_uri(plain, cleo.network, for_qr=True)).path in answer.text


def test_new_addresses_until_the_gap_limit(demo_site: Site) -> None:
    dora = settle(demo_site, "Dora")
    for position in range(1, 20):
        answer = post(dora, "/receive/next")
        assert answer.status_code == 303
        assert shown(dora.client.get(answer.location).text) == (
            dora.address(index=position),
            position,
        )
    refused = post(dora, "/receive/next")
    assert refused.status_code == 409
    assert "20 addresses are waiting for their first payment" in refused.text
    assert shown(refused.text)[1] == 19
    text = receive(dora)
    assert shown(text)[1] == 19
    assert dora.address(index=7) in text  # among those that wait
    post(dora, "/labels", type="addr", ref=dora.address(index=7), label="Rent <b>")
    assert "Rent &lt;b&gt;" in receive(dora)
    assert shown(receive(dora, "?position=7")) == (dora.address(index=7), 7)
    assert dora.client.get(dora.path("/receive?position=20")).status_code == 404
    assert dora.client.get(dora.path("/receive?account=999999")).status_code == 404


def test_a_page_stays_with_its_address_when_that_is_paid(live_site: Site) -> None:
    emma = settle(live_site, "Emma")
    assert emma.client.get(emma.path("/receive")).status_code == 302
    pinned = "?position=0"
    assert "This address has been used" not in receive(emma, pinned)
    with followed(live_site):
        assert post(emma, "/faucet").status_code == 303
    live_site.step()
    text = receive(emma, pinned)
    assert shown(text)[1] == 0
    assert "This address has been used" in text
    assert "Not confirmed yet" in text
    assert shown(receive(emma)) == (emma.address(index=1), 1)
    economy = Economy(embedded(live_site))
    economy.resume()
    economy.mine_next()
    live_site.step()
    text = receive(emma, pinned)
    assert "This address has been used" in text
    assert "Not confirmed yet" not in text


def test_what_is_anothers_is_not_there(demo_site: Site) -> None:
    faye, gus = settle(demo_site, "Faye"), settle(demo_site, "Gus")
    for path in ("/receive", "/receive?position=0"):
        assert gus.client.get(faye.path(path)).status_code == 404
        assert gus.client.post(faye.path(path), headers=OWN).status_code == 404
    assert gus.client.post(faye.path("/receive/next"), headers=OWN).status_code == 404
    assert shown(receive(faye)) == (faye.address(), 0)


def embedded(site: Site) -> EmbeddedNode:
    assert isinstance(site.node, EmbeddedNode)
    return site.node


# In the browser

OTHERS = "bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8zeqchgx"


def restore(page: Page) -> None:
    """A wallet of the usual words, by the pages as a person uses them."""
    for number, word in enumerate(ABANDON.split()):
        page.locator("[data-words] input").nth(number).fill(word)
    page.get_by_role("button", name="Check the words").click()
    page.fill("#password", PASSWORD)
    page.fill("#password-again", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Open the wallet").click()
    page.get_by_role("link", name="Receive", exact=True).wait_for()


def test_the_key_confirms_the_address_and_the_page_lights_up(
    live_site: Site, open_page: Callable[..., Page], axe: Axe
) -> None:
    page = open_page(f"{live_site.origin}/wallets/new/restore")
    restore(page)
    page.get_by_role("link", name="Receive", exact=True).click()
    confirmed = page.get_by_text("Confirmed by your key", exact=True)
    confirmed.wait_for()
    master = KeyNode.master(seed_of_words(ABANDON), get_network("bitcoin-regtest"))
    account = Account(master, get_network("bitcoin-regtest"), Purpose.P2WPKH)
    mine = address_of(
        of_account(Purpose.P2WPKH, account.key(Branch.RECEIVE, 0)).script, account.network
    )
    assert page.locator("[data-page=receive]").get_attribute("data-address") == mine
    assert axe(page) == []

    page.fill("#amount", "0.25")
    page.fill("#label", "Rent")
    before = page.locator(".receive-code path").get_attribute("d")
    page.get_by_role("button", name="Put into the code").click()
    page.wait_for_function(
        "before => document.querySelector('.receive-code path').getAttribute('d') !== before",
        arg=before,
    )
    confirmed.wait_for()
    with followed(live_site):
        page.get_by_role("button", name="Get test coins").click()
        page.locator("#arrival").get_by_text("This address has been used").wait_for()
    assert page.input_value("#amount") == "0.25"  # what was typed is still there
    confirmed.wait_for()

    # A server that lies about the address.
    def lie(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r"bcrt1q[0-9a-z]{38}", OTHERS, answer.text()))

    page.route(re.compile("/receive"), lie)
    page.get_by_role("link", name="Show an unused address").click()
    page.get_by_text("Stop: this is not your address").wait_for()
    assert not page.locator(".receive-code").is_visible()
    assert not page.get_by_text("Confirmed by your key", exact=True).is_visible()
    page.unroute(re.compile("/receive"))

    page.get_by_role("button", name="Lock now").first.click()
    page.get_by_role("link", name="Receive", exact=True).click()
    page.get_by_text("Not confirmed by your key").wait_for()
