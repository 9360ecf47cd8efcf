"""Wallet pages hold texts of other people too: labels that were imported, names, notes, contacts.

On every page they are text and nothing else, however one comes to the page; and what is injected
into a page all the same neither runs nor asks for anything.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import insert, update

from indexer.chain.encoding import TxOutput, hash_hex
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_browser import Axe
from tests.fixtures_embedded import Miner
from tests.fixtures_site import open_site
from tests.hostile import PATIENCE, SETTLE, Guard
from tests.wallet_browser import KnownWallet, Someone, WalletUser, make_known, sign_up
from wallet.builder import sign
from wallet.keys import Branch, Purpose
from webapp.accounts.schema import contact, label
from webapp.accounts.schema import wallet as wallet_table
from webapp.config import EMBEDDED, Settings

EVIL = '<b hx-get=/evil hx-trigger=load>x</b><img src=/evil onerror="fetch(`/evil`)">\u202e'
ABANDON = [*["abandon"] * 11, "about"]
PLAIN = ("/wallets/new", "/wallets/new/create", "/wallets/new/restore", "/wallets/new/import",
         "/wallets/new/watch", "/wallets/verify-message", "/wallets/security")  # fmt: skip
NO_PAGES = {"wallet_history.export", "wallet_labels.export", "wallet_drafts.download",
            "wallet_drafts.signing"}  # fmt: skip
TABS = ("Receive", "Send", "Coins", "Addresses", "Details", "History")

INJECT = """
() => {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(event.effectiveDirective);
  });
  const attempts = {
    inline: () => { const script = document.createElement("script");
                    script.textContent = "window.pwned = 1"; document.body.append(script); },
    foreign: () => { const script = document.createElement("script");
                     script.src = "data:text/javascript,window.pwned=1";
                     document.body.append(script); },
    html: () => { document.querySelector("main").innerHTML = "<img src=x onerror='pwned=1'>"; },
    attribute: () => { const image = document.createElement("img");
                       image.setAttribute("onerror", "window.pwned = 1");
                       image.src = "data:image/png,nothing"; document.body.append(image); },
    code: () => { setTimeout("window.pwned = 1"); },
    evaluated: () => { (0, eval)("window.pwned = 1"); },
    worker: () => { new Worker("/evil"); },
  };
  window.refused = [];
  setTimeout(() => {  // out of the debugger's own call, for which the policy does not hold
    for (const [name, attempt] of Object.entries(attempts)) {
      try { attempt(); } catch { window.refused.push(name); }
    }
  });
  const smuggled = document.createElement("b");
  smuggled.setAttribute("hx-get", "/evil");
  smuggled.setAttribute("hx-trigger", "load");
  document.querySelector("main").append(smuggled);
}
"""


@dataclass
class Home:
    guard: Guard
    someone: Someone
    wallet: KnownWallet
    txid: str
    draft: str = ""

    @property
    def paths(self) -> list[str]:
        """Every page that shows a label, a name or a note."""
        home = self.wallet.path
        own = ("", "?text=x", "/receive", "/send", "/coins", "/addresses", "/details", "/backup",
               "/messages", f"/tx/{self.txid}")  # fmt: skip
        return ["/wallets", "/wallets/contacts", self.draft, *(home + each for each in own)]


@pytest.fixture
def home(
    embedded_node: EmbeddedNode, miner: Miner, open_page: Callable[..., Page], tmp_path: Path
) -> Iterator[Home]:
    """A wallet that was paid, with a hostile text wherever a person can put one."""
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, data_directory=tmp_path)
    for site in open_site(embedded_node, tmp_path, settings):
        guard = Guard(site, embedded_node, miner, open_page)
        guard.listen()
        someone = sign_up(site, EVIL[:30])
        wallet = make_known(someone, ABANDON)
        script = wallet.descriptors[Purpose.P2WPKH].scripts(Branch.RECEIVE, 0, 1)[0]
        coin = miner.coins[0]
        paying = sign([coin], [TxOutput(coin.value - 10_000, script)])
        embedded_node.submit(paying.serialize())
        miner.mine()
        site.step()
        txid = hash_hex(paying.txid)
        home = Home(guard, someone, wallet, txid)
        _write_everywhere(home)
        home.draft = _leave_a_draft(home)
        yield home


def _write_everywhere(home: Home) -> None:
    wallet_id = int(home.wallet.path.rpartition("/")[2])
    labels = {"tx": home.txid, "addr": home.wallet.address(), "output": f"{home.txid}:0"}
    rows = [
        {"wallet_id": wallet_id, "type": kind, "ref": ref, "label": EVIL, "origin": None}
        for kind, ref in labels.items()
    ]
    friend: dict[str, object] = {"user_id": home.someone.user.id, "network": "bitcoin-regtest"}
    friend["name"] = EVIL.rstrip("\u202e")
    with home.someone.site.app.extensions["satchel"].accounts.write() as connection:
        connection.execute(insert(label), rows)
        # Names cannot hold what is not seen; the texts of labels can.
        connection.execute(update(wallet_table).values(name=EVIL.rstrip("\u202e")))
        connection.execute(insert(contact).values(address=home.wallet.address(5), **friend))


def _leave_a_draft(home: Home) -> str:
    """A payment that waits to be signed, with a note; its page."""
    typed = {
        "to": home.wallet.address(9),
        "amount": "0.1",
        "label": EVIL,
        "unit": "coin",
        "fee": "rate",
        "rate": "5",
        "note": EVIL,
    }
    answer = home.someone.client.post(
        f"{home.wallet.path}/drafts", data=typed, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def test_every_page(home: Home, axe: Axe) -> None:
    """None violates the policy, asks anything of another origin, or is hard to use for anybody."""
    guard = home.guard
    page = guard.open("/wallets/new", storage_state=home.someone.storage)
    elsewhere: list[str] = []

    def refuse(route: Route) -> None:
        elsewhere.append(route.request.url)
        route.abort()

    page.context.route(re.compile(f"^(?!{re.escape(guard.site.origin)}/)http"), refuse)
    faults: list[str] = []
    for path in (*PLAIN, *home.paths):
        page.goto(guard.site.origin + path)
        page.locator("html[data-live]").wait_for(state="attached", timeout=PATIENCE)
        faults += [f"{path}: {fault}" for fault in axe(page)]
        if page.locator("h1").count() != 1:
            faults.append(f"{path}: not one heading")
    assert faults == []
    assert elsewhere == []
    urls = guard.site.app.url_map
    visited = {urls.bind("").match(path.partition("?")[0])[0] for path in (*PLAIN, *home.paths)}
    pages = {
        rule.endpoint
        for rule in urls.iter_rules()
        if rule.rule.startswith("/wallets") and "GET" in (rule.methods or ())
    }
    assert pages - NO_PAGES == visited


def test_other_peoples_texts(home: Home) -> None:
    guard = home.guard
    page = guard.open("/wallets/new", storage_state=home.someone.storage)
    seen: dict[str, bool] = {}
    for path in home.paths:
        page.goto(guard.site.origin + path)
        page.locator("html[data-live]").wait_for(state="attached", timeout=PATIENCE)
        guard.require_inert(page)
        seen[path] = EVIL[:30] in page.locator("body").inner_text()
    assert [path for path, shown in seen.items() if not shown] == []


def test_the_same_while_unlocked(home: Home) -> None:
    """Pages then come by way of htmx."""
    guard = home.guard
    page = guard.open("/wallets/new", storage_state=home.someone.storage)
    person = WalletUser(page, guard.site.origin)
    person.restore_known(home.wallet)
    guard.require_inert(page)
    for tab in TABS:
        page.locator(".wallet-head .tabs").get_by_role("link", name=tab, exact=True).click()
        current = page.locator(".wallet-head .tabs [aria-current]")
        expect(current).to_have_text(tab, timeout=PATIENCE)
        guard.require_inert(page)
    page.locator(f"#tx-{home.txid} a").first.click()
    expect(page.locator("#transaction")).to_be_visible(timeout=PATIENCE)
    guard.require_inert(page)
    expect(page.locator("html")).to_have_attribute("data-any-unlocked", "")


def test_what_is_injected_all_the_same(home: Home) -> None:
    guard = home.guard
    page = guard.open(
        "/wallets/new",
        storage_state=home.someone.storage,
        expected=("violates", "CSP violation", "[hx-csp]", "This document requires", "Refused"),
    )
    for path in ("/wallets", home.wallet.path, f"{home.wallet.path}/send", "/wallets/security"):
        page.goto(guard.site.origin + path)
        page.evaluate(INJECT)
        page.wait_for_timeout(SETTLE)
        assert {"html", "worker", "evaluated"} <= set(page.evaluate("window.refused"))
        assert page.evaluate("window.pwned") is None
        assert "require-trusted-types-for" in page.evaluate("window.violations")
        assert guard.evil == []


def test_labels_from_a_file(home: Home) -> None:
    """As a thief would send one: BIP329, imported by a click."""
    guard = home.guard
    page = guard.open(home.wallet.path, storage_state=home.someone.storage)
    line = {"type": "tx", "ref": home.txid, "label": f"new {EVIL}"}
    page.locator("#labels-file").set_input_files(
        {"name": "l.jsonl", "mimeType": "text/plain", "buffer": json.dumps(line).encode()}
    )
    page.get_by_role("button", name="Import").click()
    page.goto(guard.site.origin + home.wallet.path)
    expect(page.locator("#history")).to_contain_text(re.compile("new <b hx-get=/evil"))
    guard.require_inert(page)
