"""A wallet's addresses, coins and details: of the demo's members, against the demo's blocks."""

import json
import re
from dataclasses import dataclass
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from tests.books import Books
from tests.fixtures_site import Site
from tests.wallet_cast import descriptor_of, fingerprint_of
from wallet.descriptor import Descriptor
from wallet.keys import Branch
from webapp.accounts.users import add_user
from webapp.demo.cast import BAKERY, EXCHANGE, POOL, Member
from webapp.wallets.store import NewAccount, NewWallet, create_wallet

OWN = {"Sec-Fetch-Site": "same-origin"}
ADDRESS_ROW = re.compile(r'<tr id="address-(\d+)">(.*?)</tr>', re.DOTALL)
COIN_ROW = re.compile(r'<tr id="coin-([0-9a-f]{64})-(\d+)"(.*?)</tr>', re.DOTALL)
NEXT = re.compile(r'rel="next" href="([^"]+)"')
SATOSHI = 10**8


@dataclass
class Watched:
    """A member's wallet, watched by somebody who is signed in."""

    site: Site
    member: Member
    user_id: int
    wallet_id: int
    client: FlaskClient

    @property
    def descriptor(self) -> Descriptor:
        return descriptor_of(self.member, self.site.node.network)

    def get(self, rest: str) -> str:
        response = self.client.get(f"/wallets/{self.wallet_id}{rest}")
        assert response.status_code == 200
        return response.text

    def post(self, rest: str, **form: str) -> TestResponse:
        return self.client.post(f"/wallets/{self.wallet_id}{rest}", data=form, headers=OWN)

    def walk(self, rest: str) -> list[str]:
        """A list's pages, from the first to the last."""
        pages = [self.get(rest)]
        while following := NEXT.search(pages[-1]):
            pages.append(self.client.get(unescape(following[1])).text)
        return pages


def watch(site: Site, member: Member, who: str) -> Watched:
    network = site.node.network
    account = NewAccount(member.purpose, 0, descriptor_of(member, network))
    wallet = NewWallet(member.name, "watch", fingerprint_of(member, network), 0, (account,))
    with site.app.extensions["satchel"].accounts.write() as connection:
        user = add_user(connection, f"{who} {member.name}"[:50], None)
        wallet_id = create_wallet(connection, user.id, network, wallet)
    client = site.app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = user.get_id()
    return Watched(site, member, user.id, wallet_id, client)


@pytest.fixture(scope="module")
def books(demo_site: Site) -> Books:
    return Books(demo_site.node)


def cell(row: str, label: str) -> str:
    """What is read in one cell."""
    found = re.search(rf'<td data-label="{label}"[^>]*>(.*?)</td>', row, re.DOTALL)
    assert found, row
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", found[1]))).strip()


def small(text: str) -> int:
    """An amount of a page in the smallest unit."""
    whole, _point, part = re.sub(r"[^0-9.]", "", text).partition(".")
    return int(whole) * SATOSHI + int(part.ljust(8, "0"))


@pytest.mark.parametrize("member", [POOL, EXCHANGE, BAKERY], ids=lambda each: each.name)
def test_addresses_are_those_of_the_descriptor_and_of_the_blocks(
    demo_site: Site, books: Books, member: Member
) -> None:
    watched = watch(demo_site, member, "Reader")
    for branch in Branch:
        name = "receive" if branch is Branch.RECEIVE else "change"
        listed = {
            shown: [
                (int(position), row)
                for page in watched.walk(f"/addresses?branch={name}&show={shown}")
                for position, row in ADDRESS_ROW.findall(page)
            ]
            for shown in ("all", "used", "unused", "funded")
        }
        everything = listed["all"]
        assert [position for position, _row in everything] == list(range(len(everything)))
        scripts = watched.descriptor.scripts(branch, 0, len(everything))
        used, funded = [], []
        for (position, row), script in zip(everything, scripts, strict=True):
            address = address_of(script, demo_site.node.network)
            account = books.accounts[script]
            moved = len(account.history) + len(account.pending)
            assert f'/address/{address}"' in row
            assert cell(row, "Transactions") == f"{moved:,}"
            if account.coins or account.pending_coins:
                held = sum(value for value, _height in account.coins.values())
                assert small(cell(row, "Balance")) == held + sum(account.pending_coins.values())
                funded.append(position)
            else:
                assert cell(row, "Balance") == "–"
            if moved:
                used.append(position)
        assert [position for position, _row in listed["used"]] == used
        assert [position for position, _row in listed["funded"]] == funded
        unused = [position for position, _row in listed["unused"]]
        assert sorted(used + unused) == list(range(len(everything)))
        assert len(everything) == (used[-1] + 21 if used else 20)
        if branch is Branch.RECEIVE:
            assert used
            nexts = [position for position, row in everything if "Next to receive" in row]
            assert nexts == [used[-1] + 1]


@pytest.mark.parametrize("member", [POOL, EXCHANGE], ids=lambda each: each.name)
def test_coins_are_those_of_the_blocks(demo_site: Site, books: Books, member: Member) -> None:
    watched = watch(demo_site, member, "Reader of coins")
    scripts = [
        script
        for branch in Branch
        for script in watched.descriptor.scripts(branch, 0, 2000)
        if script in books.accounts
    ]
    expected: dict[tuple[str, int], int] = {}
    for script in scripts:
        account = books.accounts[script]
        coins = {key: value for key, (value, _height) in account.coins.items()}
        for (txid, vout), value in (coins | account.pending_coins).items():
            expected[hash_hex(txid), vout] = value
    listed = {
        order: [
            ((txid, int(vout)), row)
            for page in watched.walk(f"/coins?order={order}")
            for txid, vout, row in COIN_ROW.findall(page)
        ]
        for order in ("newest", "oldest", "largest", "smallest")
    }
    for order, rows in listed.items():
        free = {
            outpoint: small(cell(row, "Amount"))
            for outpoint, row in rows
            if "Being spent" not in row
        }
        assert free == expected, order
        assert len(rows) == len({outpoint for outpoint, _row in rows})
    counted = re.search(
        r'"stat-label">Coins</dt><dd class="stat-value">([0-9,]+)<', watched.get("/coins")
    )
    assert counted is not None
    assert int(counted[1].replace(",", "")) == len(expected)
    assert [each for each, _row in listed["newest"]] == [
        each for each, _row in listed["oldest"][::-1]
    ]
    values = [small(cell(row, "Amount")) for _outpoint, row in listed["largest"]]
    assert values == sorted(values, reverse=True)
    heights = [cell(row, "Confirmations") for _outpoint, row in listed["oldest"]]
    confirmed = [int(text.replace(",", "")) for text in heights if text != "Unconfirmed"]
    assert confirmed == sorted(confirmed, reverse=True)
    if member is POOL:
        waiting = [row for _outpoint, row in listed["newest"] if "to maturity" in row]
        assert 0 < len(waiting) <= 100
        assert all(" disabled" in row for row in waiting)


def test_coins_of_several_accounts_are_told_apart(demo_site: Site) -> None:
    watched = watch(demo_site, EXCHANGE, "Two accounts")
    own = COIN_ROW.findall(watched.get("/coins?order=oldest"))[0][0]
    second = {
        "purpose": int(BAKERY.purpose),
        "account_index": 0,
        "descriptor": descriptor_of(BAKERY, demo_site.node.network).text,
    }
    path = f"/wallets/{watched.wallet_id}/accounts"
    assert watched.client.post(path, json=second, headers=OWN).status_code == 201
    everything = "".join(watched.walk("/coins?order=oldest"))
    assert "Send the ticked coins" not in everything
    links = re.findall(r'<a href="([^"]+account=[^"]+)"[^>]*>([^<]+)</a>', everything)
    tabs = {name.strip(): unescape(href) for href, name in links}
    of_exchange, of_bakery = tabs["Account 1 · BIP84"], tabs["Account 1 · BIP49"]
    assert own in watched.client.get(of_exchange).text
    assert "Send the ticked coins" in watched.client.get(of_exchange).text
    assert own not in watched.client.get(of_bakery).text
    count = len(set(COIN_ROW.findall(everything)))
    assert count == sum(
        len(COIN_ROW.findall(page))
        for start in (of_exchange, of_bakery)
        for page in watched.walk(start.removeprefix(f"/wallets/{watched.wallet_id}"))
    )


def test_a_coin_is_frozen_and_released(demo_site: Site) -> None:
    watched = watch(demo_site, EXCHANGE, "Freezer")
    txid, vout, row = COIN_ROW.findall(watched.get("/coins?order=oldest"))[0]
    outpoint = f"{txid}:{vout}"
    assert 'name="frozen" value="yes"' in row
    here = f"/wallets/{watched.wallet_id}/coins?order=oldest"
    answer = watched.post("/coins", outpoint=outpoint, frozen="yes", next=here)
    assert (answer.status_code, answer.location) == (303, here)
    page = watched.get("/coins?order=oldest")
    (_txid, _vout, row) = COIN_ROW.findall(page)[0]
    assert 'name="frozen" value="no"' in row
    assert " disabled" in row
    assert "Frozen" in re.sub(r"<button.*?</button>", "", row)
    sums = dict(re.findall(r'stat-label">([^<]+)</dt><dd class="stat-value">(.*?)</dd>', page))
    assert small(unescape(re.sub(r"<[^>]+>", "", sums["Frozen"]))) == small(cell(row, "Amount"))
    exported = [json.loads(line) for line in watched.get("/labels.jsonl").splitlines()]
    assert {"type": "output", "ref": outpoint, "spendable": False} in exported
    assert watched.post("/coins", outpoint=outpoint, frozen="no").status_code == 303
    assert 'name="frozen" value="no"' not in watched.get("/coins?order=oldest")
    for wrong in (f"{'ab' * 32}:0", "", "x:y"):
        assert watched.post("/coins", outpoint=wrong, frozen="yes").status_code == 404
    assert "spendable" not in watched.get("/labels.jsonl")


def test_lists_that_do_not_exist(demo_site: Site) -> None:
    watched = watch(demo_site, POOL, "Mistyper")
    for rest, status in (
        ("/addresses?branch=sideways", 404),
        ("/addresses?show=lucky", 404),
        ("/addresses?account=999999", 404),
        ("/addresses?from=x", 400),
        ("/addresses?from=99999999", 200),
        ("/coins?order=random", 404),
        ("/coins?after=no-coin-of-mine", 200),
    ):
        response = watched.client.get(f"/wallets/{watched.wallet_id}{rest}")
        assert response.status_code == status, rest


def test_labels_are_shown_and_escaped(demo_site: Site) -> None:
    watched = watch(demo_site, EXCHANGE, "Labeller")
    txid, vout, row = COIN_ROW.findall(watched.get("/coins?order=oldest"))[0]
    address = re.search(r'/address/(\w+)"', row)
    assert address is not None
    hostile = '<b hx-get="/evil" hx-trigger="load">rent</b>\u202e'
    watched.post("/labels", type="addr", ref=address[1], label=hostile)
    (_txid, _vout, inherited) = COIN_ROW.findall(watched.get("/coins?order=oldest"))[0]
    assert "&lt;b hx-get=" in inherited
    assert "<b hx-get" not in inherited
    watched.post("/labels", type="output", ref=f"{txid}:{vout}", label="my own")
    (_txid, _vout, own) = COIN_ROW.findall(watched.get("/coins?order=oldest"))[0]
    assert "my own" in cell(own, "Label")
    rows = [
        row
        for page in watched.walk("/addresses?show=funded")
        + watched.walk("/addresses?show=funded&branch=change")
        for _position, row in ADDRESS_ROW.findall(page)
    ]
    assert sum("&lt;b hx-get=" in row for row in rows) == 1


def test_details_tell_what_the_wallet_is_made_of(demo_site: Site) -> None:
    watched = watch(demo_site, BAKERY, "Detailed")
    page = watched.get("/details")
    text = unescape(page)
    for part in (
        watched.descriptor.text,
        watched.descriptor.receive_text,
        watched.descriptor.change_text,
        "m/49h/1h/0h",
        fingerprint_of(BAKERY, demo_site.node.network),
        "Watch-only",
    ):
        assert part in text, part
    assert page.count("data-copy=") >= 3


def test_a_larger_gap_limit_looks_further(demo_site: Site) -> None:
    watched = watch(demo_site, POOL, "Searcher")

    def looked() -> list[int]:
        found = re.findall(r"(\d+) addresses looked at", watched.get("/details"))
        return [int(each) for each in found]

    before = looked()
    answer = watched.post("/details", name="  Old   tin ", gap_limit="50")
    assert answer.status_code == 303
    assert looked() == [count + 30 for count in before]
    assert "<title>Details · Old tin · Satchel</title>" in watched.get("/details")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": " ", "gap_limit": "20"}, "Give the wallet a name."),
        ({"name": "x" * 81, "gap_limit": "20"}, "The name is longer than 80 characters."),
        ({"name": "Tin", "gap_limit": "0"}, "A whole number from 1 to 1000 is expected."),
        ({"name": "Tin", "gap_limit": "1001"}, "A whole number from 1 to 1000 is expected."),
        ({"name": "Tin", "gap_limit": "many"}, "A whole number from 1 to 1000 is expected."),
        ({"name": "Tin", "gap_limit": "²"}, "A whole number from 1 to 1000 is expected."),
    ],
)
def test_wrong_details_are_explained_and_kept(
    demo_site: Site, form: dict[str, str], said: str
) -> None:
    watched = watch(demo_site, POOL, f"Mistaken {form['gap_limit']} {len(form['name'])}")
    answer = watched.post("/details", **form)
    assert answer.status_code == 400
    assert said in answer.text
    assert f'value="{form["gap_limit"]}"' in answer.text
    assert "Granite Pool" in watched.get("/details")


def test_a_wallet_is_deleted_with_a_tick(demo_site: Site) -> None:
    watched = watch(demo_site, POOL, "Deleter")
    refused = watched.post("/delete")
    assert refused.status_code == 400
    assert "Tick the box" in refused.text
    assert watched.post("/delete", consent="yes").location == "/wallets"
    assert watched.client.get(f"/wallets/{watched.wallet_id}").status_code == 404
