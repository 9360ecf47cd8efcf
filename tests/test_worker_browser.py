"""The signing worker in real Chromium: what it can reach, what it keeps, what it says when it
cannot."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha384
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from flask import Flask, request, request_started
from playwright.sync_api import Browser, Page, Route

from bench.browser_signer import BrowserSigner, RefusedError
from tests.fixtures_site import Site
from webapp.security import STATIC_CONTENT_SECURITY_POLICY

EXPECTED = ("Content Security Policy", "/reached/")
PASSWORD = "correct horse battery"
MANIFEST = Path(__file__).resolve().parents[1] / "static/dist/manifest.json"
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
FINGERPRINT = "b8688df1"

ATTEMPTS = """
async () => {
  const attempts = {
    fetch: () => fetch("/reached/fetch"),
    xhr: () => new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.onload = resolve;
      request.onerror = () => reject(new Error("refused"));
      request.open("GET", "/reached/xhr");
      request.send();
    }),
    socket: () => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/reached/socket`);
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("refused"));
    }),
    events: () => new Promise((resolve, reject) => {
      const source = new EventSource("/reached/events");
      source.onopen = resolve;
      source.onerror = () => reject(new Error("refused"));
    }),
    importScripts: () => importScripts("/reached/scripts.js"),
    dynamicImport: () => import("/reached/module.js"),
    eval: () => (0, eval)("1 + 1"),
    function: () => new Function("return 1")(),
    timer: () => new Promise((resolve, reject) => {
      self.ranFromText = () => resolve();
      setTimeout("self.ranFromText()");
      setTimeout(() => reject(new Error("refused")), 200);
    }),
    worker: () => new Promise((resolve, reject) => {
      const worker = new Worker("/reached/worker.js");
      worker.onmessage = resolve;
      worker.onerror = () => reject(new Error("refused"));
    }),
    blobWorker: () => new Promise((resolve, reject) => {
      const url = URL.createObjectURL(new Blob(["postMessage(1)"], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.onmessage = resolve;
      worker.onerror = () => reject(new Error("refused"));
    }),
  };
  const patience = () => new Promise((_, reject) => setTimeout(() => reject("no answer"), 3000));
  const outcomes = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    outcomes[name] = await Promise.race([Promise.resolve().then(attempt), patience()])
      .then(() => "REACHED", (error) => String(error));
  }
  return outcomes;
}
"""

STORED = """
async () => {
  const found = {};
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    for (const store of database.objectStoreNames) {
      found[`${name}/${store}`] = await new Promise((resolve) => {
        const request = database.transaction(store).objectStore(store).getAll();
        request.onsuccess = () => resolve(request.result);
      });
    }
    database.close();
  }
  return JSON.stringify([found, { ...localStorage }, { ...sessionStorage }]);
}
"""


def worker_file() -> dict[str, str]:
    entry: dict[str, str] = json.loads(MANIFEST.read_text(encoding="utf-8"))["worker.js"]
    return entry


def worker_url() -> str:
    return f"/static/{worker_file()['file']}"


@pytest.fixture
def signer(demo_site: Site, open_page: Callable[..., Page]) -> BrowserSigner:
    page = open_page(f"{demo_site.origin}/blocks", expected=EXPECTED)
    return BrowserSigner(page, worker_url())


@pytest.fixture
def hits(demo_site: Site) -> Iterator[list[str]]:
    """The addresses asked for from now on."""
    seen: list[str] = []

    def note(_app: Flask, **_: Any) -> None:
        seen.append(request.path)

    with request_started.connected_to(note, demo_site.app):
        yield seen


def refusal(signer: BrowserSigner, call: str, **ask: Any) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        signer.ask(call, **ask)
    return refused.value


def created(signer: BrowserSigner) -> str:
    """A wallet from known words in this browser: its vault."""
    restored = signer.ask("restore", words=WORDS, passphrase="")
    assert restored == {"fingerprint": FINGERPRINT, "language": "english", "count": 12}
    vault_id: str = signer.ask("save", password=PASSWORD, name="Savings")["vaultId"]
    return vault_id


def test_the_worker_can_reach_nothing(signer: BrowserSigner, hits: list[str]) -> None:
    signer.page.evaluate("() => fetch('/reached/by-the-page')")
    assert [path for path in hits if path.startswith("/reached")] == ["/reached/by-the-page"]
    outcomes = signer.worker.evaluate(ATTEMPTS)
    print(*(f"{name:14} {outcome}" for name, outcome in outcomes.items()), sep="\n")
    assert len(outcomes) == 11
    assert [name for name, outcome in outcomes.items() if outcome == "REACHED"] == []
    assert [path for path in hits if path.startswith("/reached")] == ["/reached/by-the-page"]


def test_without_its_policy_it_could(
    demo_site: Site, browser: Browser, hits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anything = "default-src * blob: 'unsafe-inline' 'unsafe-eval'"
    monkeypatch.setattr("webapp.security.STATIC_CONTENT_SECURITY_POLICY", anything)
    page = browser.new_page()
    page.goto(f"{demo_site.origin}/blocks")
    outcomes = BrowserSigner(page, worker_url()).worker.evaluate(ATTEMPTS)
    reached = {name for name, outcome in outcomes.items() if outcome == "REACHED"}
    assert reached >= {"fetch", "xhr", "eval", "function", "timer", "blobWorker"}
    asked = {path.removeprefix("/reached/") for path in hits if path.startswith("/reached/")}
    assert asked >= {"fetch", "xhr", "socket", "events", "module.js", "worker.js"}
    page.close()


def test_the_served_worker_is_the_one_in_the_manifest(demo_site: Site) -> None:
    with urlopen(f"{demo_site.origin}{worker_url()}") as response:
        assert response.headers["Content-Security-Policy"] == STATIC_CONTENT_SECURITY_POLICY
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        digest = sha384(response.read()).digest()
    assert worker_file()["integrity"] == f"sha384-{b64encode(digest).decode()}"


def test_a_vault_is_made_opened_exported_and_forgotten(
    signer: BrowserSigner, demo_site: Site
) -> None:
    vault_id = created(signer)
    [entry] = signer.ask("vaults")["vaults"]
    assert entry["fingerprint"] == FINGERPRINT
    assert entry["name"] == "Savings"

    again = BrowserSigner(signer.page, worker_url())  # as after a reload
    account = {"network": "bitcoin-regtest", "purpose": 84, "account": 0}
    assert refusal(again, "accountKey", **account).code == "locked"
    assert refusal(again, "unlock", vaultId=vault_id, password="wrong horse").code == (
        "password_wrong"
    )
    assert refusal(again, "accountKey", **account).code == "locked"
    assert again.ask("unlock", vaultId=vault_id, password=PASSWORD) == {"fingerprint": FINGERPRINT}
    assert again.ask("accountKey", **account)["path"] == "84h/1h/0h"

    file = again.ask("exportVault", vaultId=vault_id)["text"]
    again.ask("changePassword", vaultId=vault_id, password=PASSWORD, newPassword="another one")
    assert refusal(again, "unlock", vaultId=vault_id, password=PASSWORD).code == "password_wrong"
    assert again.ask("unlock", vaultId=vault_id, password="another one")
    assert again.ask("vaults") == {"vaults": [entry]}
    again.ask("forget", vaultId=vault_id)
    assert again.ask("vaults") == {"vaults": []}
    assert refusal(again, "unlock", vaultId=vault_id, password=PASSWORD).code == "vault_missing"

    assert refusal(again, "importVault", text=file, password="wrong horse").code == "password_wrong"
    assert again.ask("importVault", text=file, password=PASSWORD)["fingerprint"] == FINGERPRINT
    other_name = file.replace("Savings", "Spending")
    refused = refusal(again, "importVault", text=other_name, password=PASSWORD)
    assert refused.code == "password_wrong"  # what stands outside the ciphertext is sealed too


def test_paths_of_ones_own_are_kept_in_the_vault(signer: BrowserSigner) -> None:
    own = {"network": "bitcoin-regtest", "purpose": 84, "path": "m/84'/1'/7'/5"}
    account = {**own, "account": 0, "path": "84h/1h/7h/5"}
    signer.ask("restore", words=WORDS, passphrase="TREZOR")
    assert refusal(signer, "accountKey", **account).code == "path_unknown"
    vault_id = signer.ask("save", password=PASSWORD, name="x", paths=[own])["vaultId"]
    key = signer.ask("accountKey", **account)
    assert key["path"] == "84h/1h/7h/5"
    again = BrowserSigner(signer.page, worker_url())
    again.ask("unlock", vaultId=vault_id, password=PASSWORD)
    assert again.ask("accountKey", **account) == key
    assert refusal(again, "accountKey", **{**account, "path": "84h/1h/7h/6"}).code == "path_unknown"


def test_at_rest_there_is_only_ciphertext(signer: BrowserSigner) -> None:
    created(signer)
    stored = signer.page.evaluate(STORED)
    [databases, local, session] = json.loads(stored)
    [text] = databases["satchel/vaults"]
    vault = json.loads(text)
    assert vault["derivation"]["name"] == "argon2id"
    assert vault["derivation"]["memory"] == 64 * 1024
    assert vault["derivation"]["iterations"] == 3
    assert list(databases) == ["satchel/vaults"]
    assert (local, session) == ({}, {})
    assert [word for word in set(WORDS.split()) if word in stored] == []


def test_a_damaged_vault_hides_no_other(signer: BrowserSigner) -> None:
    vault_id = created(signer)
    signer.page.evaluate(
        """() => new Promise((done) => {
          indexedDB.open("satchel").onsuccess = ({ target }) => {
            const writing = target.result.transaction("vaults", "readwrite");
            writing.objectStore("vaults").put("{", "00000000");
            writing.oncomplete = () => { target.result.close(); done(); };
          };
        })"""
    )
    assert [entry["id"] for entry in signer.ask("vaults")["vaults"]] == [vault_id]
    refused = refusal(signer, "unlock", vaultId="00000000", password=PASSWORD)
    assert refused.code == "vault_damaged"


def test_without_a_secure_connection_the_signer_refuses(demo_site: Site, browser: Browser) -> None:
    page = browser.new_page()
    plain = "http://satchel.example"

    def from_site(route: Route) -> None:
        address = route.request.url.replace(plain, demo_site.origin)
        route.fulfill(response=route.fetch(url=address))

    page.route(f"{plain}/**", from_site)
    page.route(f"{plain}/live*", lambda route: route.abort())  # a stream has no end to wait for
    page.goto(f"{plain}/blocks")
    assert refusal(BrowserSigner(page, worker_url()), "vaults").code == "insecure_context"
    page.close()


def test_each_vault_has_its_own_salt_and_nonce(signer: BrowserSigner) -> None:
    vaults = []
    for _ in range(2):
        file = signer.ask("exportVault", vaultId=created(signer))["text"]
        vaults.append(json.loads(file))
    first, second = vaults
    assert first["derivation"]["salt"] != second["derivation"]["salt"]
    assert first["cipher"]["nonce"] != second["cipher"]["nonce"]


def test_randomness_comes_from_the_browser_alone(signer: BrowserSigner) -> None:
    signer.worker.evaluate(
        """() => {
          self.drawn = [];
          const real = crypto.getRandomValues.bind(crypto);
          crypto.getRandomValues = (bytes) => { drawn.push(bytes.length); return real(bytes); };
        }"""
    )
    for count, entropy in ((12, 16), (15, 20), (18, 24), (21, 28), (24, 32)):
        words = signer.ask("create", words=count, language="english")["words"]
        assert len(words) == count
        # The curve draws 16 bytes now and then, to blind what it computes.
        first, *more = signer.worker.evaluate("() => drawn.splice(0)")
        assert first == entropy
        assert set(more) <= {16}
    positions = [1, 2, 24]
    signer.ask("checkWords", positions=positions, words=[words[at - 1] for at in positions])
    signer.ask("save", password=PASSWORD, name="x")
    assert signer.worker.evaluate("() => drawn.splice(0)") == [16, 12]  # salt, nonce
    signer.worker.evaluate("() => { crypto.getRandomValues = () => { throw new Error('no'); }; }")
    assert refusal(signer, "create", words=12, language="english").code == "random_failed"


def test_new_words_are_entered_again_before_they_are_used(signer: BrowserSigner) -> None:
    words = signer.ask("create", words=12, language="english")["words"]
    save = {"password": PASSWORD, "name": "x"}
    assert refusal(signer, "save", **save).code == "words_unchecked"
    positions = [3, 7, 12]
    given = [words[at - 1] for at in positions]
    wrong = signer.ask("checkWords", positions=positions, words=[given[0], "zoo", given[2]])
    assert wrong == {"right": words[6] == "zoo", "wrong": [] if words[6] == "zoo" else [7]}
    assert refusal(signer, "save", **save).code == "words_unchecked"
    signer.ask("checkWords", positions=[3, 3, 3], words=[given[0]] * 3)
    assert refusal(signer, "save", **save).code == "words_unchecked"
    assert signer.ask("checkWords", positions=positions, words=given)["right"]
    assert refusal(signer, "save", password="short", name="x").code == "password_short"
    signer.ask("save", **save)
    assert refusal(signer, "save", **save).code == "nothing_to_save"


def test_words_cannot_be_guessed_out_of_an_unlocked_wallet(signer: BrowserSigner) -> None:
    created(signer)
    for _ in range(2):
        wrong = signer.ask("checkWords", positions=list(range(1, 13)), words=["zoo"] * 12)
        assert len(wrong["wrong"]) == 12
    refused = refusal(signer, "checkWords", positions=[1], words=["abandon"])
    assert refused.code == "too_many_tries"


def test_storage_that_is_full_blocked_or_cleared_is_told(signer: BrowserSigner) -> None:
    page = signer.page
    devtools = page.context.new_cdp_session(page)
    quota = {"origin": page.evaluate("() => origin")}
    devtools.send("Storage.overrideQuotaForOrigin", {**quota, "quotaSize": 1})
    signer.ask("restore", words=WORDS, passphrase="")
    assert refusal(signer, "save", password=PASSWORD, name="x").code == "storage_full"
    devtools.send("Storage.overrideQuotaForOrigin", quota)
    vault_id = signer.ask("save", password=PASSWORD, name="x")["vaultId"]

    page.evaluate(
        "() => new Promise((done) => { indexedDB.deleteDatabase('satchel').onsuccess = done; })"
    )
    assert signer.ask("vaults") == {"vaults": []}
    assert refusal(signer, "unlock", vaultId=vault_id, password=PASSWORD).code == "vault_missing"

    signer.worker.evaluate(
        """() => {
          IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError"); };
        }"""
    )
    assert refusal(signer, "vaults").code == "storage_blocked"
