"""The pages around wallets that work without script: watching a public key, verifying messages,
where an address comes from, which accounts are used, what protects the keys."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from bip_utils import Base58Decoder, Base58Encoder
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fixtures_site import Site
from tests.wallet_people import Person, settle
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.message import sign_message
from wallet.seed import seed_of_words
from webapp.demo.cast import CHEN, mnemonic_of
from webapp.demo.town import SEED

OWN = {"Sec-Fetch-Site": "same-origin"}
DIST = Path(__file__).resolve().parents[1] / "static/dist"


@pytest.fixture(scope="module")
def ann(demo_site: Site) -> Person:
    return settle(demo_site, "Ann of the pages")


def watch(person: Person, **typed: str) -> TestResponse:
    form = {"name": "Watched", "key": "", "purpose": "84", "birthday": "0", **typed}
    return person.client.post("/wallets/new/watch", data=form, headers=OWN)


def account_key(person: Person) -> str:
    """As other wallets show it: a tpub without origin."""
    return person.account.node.xpub


def with_version(key: str, version: str) -> str:
    raw = Base58Decoder.CheckDecode(key)
    return str(Base58Encoder.CheckEncode(bytes.fromhex(version) + raw[4:]))


# Watching


def test_keys_and_descriptors_that_can_be_watched(demo_site: Site) -> None:
    other = settle(demo_site, "Somebody to be watched")
    kinds = {
        "tpub": (account_key(other), "84", other.descriptor.receive_text),
        "vpub": (with_version(account_key(other), "045f1cf6"), "44", None),
        "descriptor": (other.descriptor.text, "44", None),
        "two descriptors": (
            f"{other.descriptor.receive_text}\n{other.descriptor.change_text}",
            "84",
            None,
        ),
    }
    for number, (key, purpose, _text) in enumerate(kinds.values()):
        person = settle(demo_site, f"Watcher {number}")
        answer = watch(person, key=key, purpose=purpose)
        assert answer.status_code == 303, answer.text
        page = person.client.get(f"{answer.location}/receive", follow_redirects=True).text
        assert other.address() in page  # by the prefix of a vpub, and for a tpub by what was chosen
        assert key[:40] not in answer.location


def test_a_key_of_another_kind_by_choice(demo_site: Site) -> None:
    other = settle(demo_site, "Taproot to be watched", Purpose.P2TR)
    person = settle(demo_site, "Watcher of taproot")
    answer = watch(person, key=account_key(other), purpose="86")
    page = person.client.get(f"{answer.location}/receive", follow_redirects=True).text
    assert other.address() in page


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"key": "nonsense"}, "key", "."),
        ({"key": ""}, "key", "expected"),
        ({"key": "wpkh(" + "x" * 30_000}, "key", "longer"),
        ({"name": " "}, "name", "A name is expected"),
        ({"birthday": "soon"}, "birthday", "whole number"),
        ({"birthday": "1234567890x"}, "birthday", "from 0 to"),
        ({"birthday": "9" * 5000}, "birthday", "is expected"),
    ],
)
def test_what_is_wrong_is_named_and_kept(
    ann: Person, typed: dict[str, str], field: str, said: str
) -> None:
    key = settle(ann.site, f"Key {field} {said}").descriptor.text
    answer = watch(ann, **{"key": key, **typed})
    assert answer.status_code == 400
    fault = re.search(f'id="{field}-error" role="alert">([^<]+)<', answer.text)
    assert fault
    assert said in fault[1]
    assert 'value="Watched"' in answer.text or "name" in typed
    if "key" not in typed:
        assert key[:50] in answer.text


def test_what_is_wrong_with_a_key_is_said_in_chinese_too(ann: Person) -> None:
    form = {"name": "W", "key": f"wpkh({account_key(ann)}/1h/*)", "purpose": "84", "birthday": "0"}
    headers = {**OWN, "Accept-Language": "zh-CN"}
    answer = ann.client.post("/wallets/new/watch", data=form, headers=headers)
    assert answer.status_code == 400
    assert "公钥没有硬化的子密钥" in answer.text
    form["key"] = f"wpkh({account_key(ann)}/<0;1>/*)#123"
    answer = ann.client.post("/wallets/new/watch", data=form, headers=headers)
    assert "有 8 个字符，这里是 3 个" in answer.text


@pytest.mark.parametrize("secret", ["private", "words"])
def test_a_secret_is_not_repeated(ann: Person, secret: str) -> None:
    text = {
        "private": with_version(account_key(ann), "04358394"),
        "words": "abandon " * 11 + "about",
    }[secret]
    answer = watch(ann, key=text)
    assert answer.status_code == 400
    assert "That was a secret" in answer.text
    assert text.strip() not in answer.text


def test_the_same_key_twice(demo_site: Site) -> None:
    person = settle(demo_site, "Forgetful")
    answer = watch(person, key=account_key(person))
    assert answer.status_code == 400
    assert "You have a wallet with this account already." in answer.text


# Which accounts are used


def test_used_accounts(ann: Person) -> None:
    """One of Chen's, who has lived in the demo for long, is."""
    chen = KeyNode.master(seed_of_words(mnemonic_of(CHEN, SEED)), ann.network)
    account = Account(chen, ann.network, CHEN.purpose)
    path = account.path.replace("'", "h")
    known = Descriptor.of_account(
        CHEN.purpose, account.node.xpub, chen.fingerprint, path, ann.network
    )
    body = {"descriptors": [ann.descriptor.text, known.text]}
    answer = ann.client.post("/wallets/new/used", json=body, headers=OWN)
    assert answer.json == {"used": [False, True]}
    for wrong in ({}, {"descriptors": []}, {"descriptors": ["x"]}, {"descriptors": ["x"] * 9}, 3):
        answer = ann.client.post("/wallets/new/used", json=wrong, headers=OWN)
        assert answer.status_code == 400


# Messages


def test_verifying(demo_site: Site) -> None:
    client = demo_site.app.test_client()
    for purpose in Purpose:
        person = settle(demo_site, f"Signer {purpose}", purpose)
        key = person.account.key(Branch.RECEIVE, 0)
        signature = sign_message(key, purpose, "Two\nlines", person.network)
        assert "The signature is right" in verify(
            client, person.address(), "Two\r\nlines", signature
        )
        wrong = verify(client, person.address(), "Another", signature)
        assert "The signature is wrong" in wrong
        assert signature in wrong  # nothing typed is lost
        assert "The signature is wrong" in verify(client, person.address(), "Two\nlines", "AAAA")
    page = verify(client, "nowhere", "x", "AAAA", status=400)
    assert re.search('id="address-error" role="alert">The address has a wrong checksum', page)
    assert "This is missing." in verify(client, person.address(), "x", "", status=400)


def verify(
    client: FlaskClient, address: str, message: str, signature: str, status: int = 200
) -> str:
    typed = {"address": address, "message": message, "signature": signature}
    answer = client.post("/wallets/verify-message", data=typed, headers=OWN)
    assert answer.status_code == status
    return answer.text


def test_the_place_of_an_address(ann: Person) -> None:
    answer = place(ann, ann.address(Branch.CHANGE, 7))
    assert answer.json == {
        "address": ann.address(Branch.CHANGE, 7),
        "purpose": 84,
        "account": 0,
        "path": None,
        "branch": 1,
        "index": 7,
    }
    bob = settle(ann.site, "Bob of the pages")
    assert place(ann, bob.address()).json == {
        "errors": {"address": "This address is not of this wallet."}
    }
    assert place(ann, "nonsense").status_code == 400
    assert bob.client.post(ann.path("/messages/place"), json={}, headers=OWN).status_code == 404


def place(person: Person, address: str) -> TestResponse:
    body = {"address": address}
    return person.client.post(person.path("/messages/place"), json=body, headers=OWN)


def test_pages_for_keys_are_not_for_watched_wallets(demo_site: Site) -> None:
    watched = settle(demo_site, "Watched only", kind="watch")
    for rest in ("/backup", "/messages"):
        assert watched.client.get(watched.path(rest)).status_code == 404


# Security


def test_the_hashes_of_the_code(demo_site: Site) -> None:
    """Public, and of the very bytes that are sent."""
    client = demo_site.app.test_client()
    page = client.get("/wallets/security")
    assert page.status_code == 200
    for name in ("wallet.js", "worker.js"):
        entry = json.loads((DIST / "manifest.json").read_text())[name]
        sent = client.get(f"/static/{entry['file']}").data
        assert sha256(sent).hexdigest() in page.text
        assert entry["integrity"] in page.text
