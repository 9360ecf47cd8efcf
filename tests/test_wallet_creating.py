"""Wallets and accounts as the browser asks for them: what is kept, what is refused and why."""

from copy import deepcopy
from typing import Any

import pytest
from flask.testing import FlaskClient

from indexer.chain.network import get_network
from tests.fixtures_site import Site
from tests.wallet_cast import account_of, descriptor_of, request_of
from wallet.descriptor import Descriptor
from wallet.keys import Account, KeyNode, Purpose
from wallet.seed import seed_of_words
from webapp.demo.cast import AMIRA, BO, CHEN, POOL, mnemonic_of
from webapp.demo.town import SEED
from webapp.wallets import requests, store

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def guest(site: Site) -> FlaskClient:
    """Somebody new in the demo."""
    client = site.app.test_client()
    assert client.get("/wallets").status_code == 200
    return client


def post(client: FlaskClient, path: str, body: object) -> Any:
    return client.post(path, json=body, headers=SAME_SITE)


def errors_of(client: FlaskClient, body: object, path: str = "/wallets") -> dict[str, str]:
    response = post(client, path, body)
    assert response.status_code == 400, response.text
    found: dict[str, str] = response.json["errors"]
    return found


def test_a_wallet_is_kept_and_scanned_at_once(demo_site: Site) -> None:
    client = guest(demo_site)
    network = demo_site.node.network
    assert "A wallet of your own" in client.get("/wallets").text
    response = post(client, "/wallets", request_of(POOL, network, "vault"))
    assert response.status_code == 201
    page = client.get(response.json["url"]).text
    assert "Granite Pool" in page
    assert "Mined" in page
    assert "Nothing has come in yet" not in page
    listed = client.get("/wallets").text
    assert "Granite Pool" in listed
    assert "sparkline" in listed
    assert "All wallets together" not in listed
    assert post(client, "/wallets", request_of(AMIRA, network)).status_code == 201
    assert "All wallets together" in client.get("/wallets").text


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    body = deepcopy(body)
    *way, last = path.split(".")
    target: Any = body
    for name in way:
        target = target[int(name)] if name.isdigit() else target[name]
    target[last] = value
    return body


def test_each_wrong_field_is_named(demo_site: Site) -> None:
    client = guest(demo_site)
    network = demo_site.node.network
    good = request_of(BO, network, "vault")
    other = descriptor_of(CHEN, network)
    master = KeyNode.master(seed_of_words(mnemonic_of(BO, SEED)), network)
    private = Account(master, network, Purpose.P2PKH).node.xprv
    mainnet = get_network("bitcoin-main")
    foreign = Account(KeyNode.master(b"\1" * 32, mainnet), mainnet, Purpose.P2WPKH)
    abroad = Descriptor.of_account(
        Purpose.P2WPKH, foreign.node.xpub, b"\1\2\3\4", "84h/0h/0h", mainnet
    )
    for path, value, words in (
        ("name", "", "name is expected"),
        ("name", "  ", "name is expected"),
        ("name", 5, "name is expected"),
        ("name", "x" * 81, "longer than 80"),
        ("name", "evil\u202ename", "cannot be seen"),
        ("kind", "hot", "vault"),
        ("kind", None, "vault"),
        ("fingerprint", None, "8 hexadecimal digits"),
        ("fingerprint", "ABCDEF01", "8 hexadecimal digits"),
        ("fingerprint", 12345678, "8 hexadecimal digits"),
        ("birthday_height", -1, "whole number"),
        ("birthday_height", True, "whole number"),
        ("birthday_height", "1", "whole number"),
        ("birthday_height", 2**31, "whole number"),
        ("accounts", [], "1 to 50"),
        ("accounts", None, "1 to 50"),
        ("accounts.0.descriptor", None, "descriptor is expected"),
        ("accounts.0.descriptor", "x" * 20_000, "descriptor is expected"),
        ("accounts.0.descriptor", f"pkh({private}/<0;1>/*)", "private"),
        ("accounts.0.descriptor", abroad.text, ""),
        ("accounts.0.descriptor", other.text.replace("#", "#q"), ""),
        ("accounts.0.purpose", 84, "another kind"),
        ("accounts.0.purpose", 48, "44, 49, 84 or 86"),
        ("accounts.0.account_index", 2**31, "whole number"),
        ("accounts.0.account_index", 0.5, "whole number"),
    ):
        found = errors_of(client, changed(good, path, value))
        assert list(found) == [path], (path, value, found)
        assert words in found[path]
        assert private not in found[path]
    stranger = changed(changed(good, "accounts.0.descriptor", other.text), "accounts.0.purpose", 84)
    assert "master key" in errors_of(client, stranger)["accounts.0.descriptor"]
    nothings: tuple[object, ...] = (None, [], "text", 5)
    for nothing in nothings:
        assert "name" in errors_of(client, nothing)
    assert len(errors_of(client, {"accounts": [{}, 5]})) >= 6
    assert "A wallet of your own" in client.get("/wallets").text


def test_the_same_again_and_too_many(demo_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = guest(demo_site)
    network = demo_site.node.network
    url = post(client, "/wallets", request_of(BO, network, "vault")).json["url"]
    assert "already" in errors_of(client, request_of(BO, network))["accounts"]
    first = account_of(BO, network)
    assert "already" in errors_of(client, first, f"{url}/accounts")["descriptor"]
    master = KeyNode.master(seed_of_words(mnemonic_of(BO, SEED)), network)
    second = Account(master, network, Purpose.P2WPKH, 1)
    text = Descriptor.of_account(
        Purpose.P2WPKH, second.node.xpub, master.fingerprint, "84h/1h/1h", network
    ).text
    new = {"purpose": 84, "account_index": 1, "descriptor": text}
    stranger = account_of(CHEN, network)
    assert "master key" in errors_of(client, stranger, f"{url}/accounts")["descriptor"]
    assert post(client, f"{url}/accounts", new).status_code == 201
    assert "Account 2" in client.get(url).text
    for module in (store, requests):
        monkeypatch.setattr(module, "MOST_WALLETS", 1)
        monkeypatch.setattr(module, "MOST_ACCOUNTS", 2)
    assert "1 wallets" in errors_of(client, request_of(CHEN, network))["name"]
    third = Account(master, network, Purpose.P2TR, 2)
    text = Descriptor.of_account(
        Purpose.P2TR, third.node.xpub, master.fingerprint, "86h/1h/2h", network
    ).text
    more = {"purpose": 86, "account_index": 2, "descriptor": text}
    assert "2 accounts" in errors_of(client, more, f"{url}/accounts")["accounts"]


def test_another_persons_wallet_does_not_exist(demo_site: Site) -> None:
    """Not for pages, not for files, not for changes, not for the live stream."""
    owner, stranger = guest(demo_site), guest(demo_site)
    network = demo_site.node.network
    url = post(owner, "/wallets", request_of(BO, network)).json["url"]
    number = url.rsplit("/", 1)[1]
    account = account_of(CHEN, network)
    label = {"type": "tx", "ref": "ab" * 32, "label": "mine now"}
    for path in ("", "/history.csv", "/labels.jsonl"):
        response = owner.get(url + path)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert stranger.get(url + path).status_code == 404
    assert post(stranger, f"{url}/accounts", account).status_code == 404
    assert stranger.post(f"{url}/labels", data=label, headers=SAME_SITE).status_code == 404
    assert stranger.post(f"{url}/labels/import", headers=SAME_SITE).status_code == 404
    assert "mine now" not in owner.get(f"{url}/labels.jsonl").text
    poll = f"/live/poll?topics=tip,wallet:{number}"
    assert owner.get(poll).status_code == 200
    assert stranger.get(poll).status_code == 404
    assert demo_site.app.test_client().get(poll).status_code == 404
    assert stranger.get(f"/live?topics=wallet:{number}").status_code == 404
    assert stranger.get("/live/poll?topics=wallet:9x").status_code == 400
    assert stranger.get("/live/poll?topics=wallet:" + "9" * 19).status_code == 400
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (
        owner.post("/wallets", json=request_of(CHEN, network), headers=foreign).status_code == 403
    )
