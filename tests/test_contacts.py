"""Contacts: what may be kept, what looks alike, and that they are one's own."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from indexer.chain.network import NETWORKS, get_network
from indexer.database import Database
from tests.apps import app_for
from tests.showcase import write_state
from webapp.accounts.users import User, add_user
from webapp.config import Settings
from webapp.wallets.contacts import ContactError, add_contact, contacts_of, look_alikes

OWN = {"Sec-Fetch-Site": "same-origin"}
REGTEST = get_network("bitcoin-regtest")
# BIP173's and BIP350's programs as regtest writes them.
SEGWIT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TAPROOT = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"
OF_MAIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@pytest.fixture
def ann(accounts_database: Database) -> User:
    with accounts_database.write() as connection:
        return add_user(connection, "Ann", None)


def test_contacts_are_kept_by_name_and_network(accounts_database: Database, ann: User) -> None:
    with accounts_database.write() as connection:
        bob = add_user(connection, "Bob", None)
        add_contact(connection, ann.id, REGTEST, "  zoë   of  Kyle ", f" {SEGWIT.upper()} ")
        add_contact(connection, ann.id, REGTEST, "Anton", TAPROOT)
        add_contact(connection, ann.id, NETWORKS["bitcoin-main"], "Main", OF_MAIN)
        add_contact(connection, bob.id, REGTEST, "Bob's Anton", TAPROOT)
        found = contacts_of(connection, ann.id, REGTEST)
    assert [(each.name, each.address) for each in found] == [
        ("Anton", TAPROOT),
        ("zoë of Kyle", SEGWIT),
    ]


@pytest.mark.parametrize(
    ("name", "address", "field", "said"),
    [
        (" ", SEGWIT, "name", "Give the contact a name"),
        ("x" * 81, SEGWIT, "name", "longer than 80"),
        ("Ann", "", "address", "An address is expected"),
        ("Ann", SEGWIT[:-1] + "q", "address", "checksum"),
        ("Ann", OF_MAIN, "address", "another network: Bitcoin"),
    ],
)
def test_what_is_wrong_is_said(
    accounts_database: Database, ann: User, name: str, address: str, field: str, said: str
) -> None:
    with accounts_database.write() as connection:
        with pytest.raises(ContactError, match=said) as caught:
            add_contact(connection, ann.id, REGTEST, name, address)
        assert caught.value.field == field
        assert contacts_of(connection, ann.id, REGTEST) == ()


def test_one_address_has_one_name(accounts_database: Database, ann: User) -> None:
    with accounts_database.write() as connection:
        add_contact(connection, ann.id, REGTEST, "Anton", SEGWIT)
        with pytest.raises(ContactError, match="already"):
            add_contact(connection, ann.id, REGTEST, "Berta", SEGWIT.upper())
        add_contact(connection, ann.id, REGTEST, "Berta", TAPROOT)  # the transaction goes on
        assert len(contacts_of(connection, ann.id, REGTEST)) == 2


def test_addresses_that_begin_and_end_alike_are_marked(
    accounts_database: Database, ann: User
) -> None:
    with accounts_database.write() as connection:
        one = add_contact(connection, ann.id, REGTEST, "Anton", SEGWIT)
        other = add_contact(connection, ann.id, REGTEST, "Berta", TAPROOT)
        found = contacts_of(connection, ann.id, REGTEST)
    assert look_alikes(found) == frozenset()
    ground = type(one)(3, "Mallory", SEGWIT[:12] + "q" * 20 + SEGWIT[-10:])
    assert look_alikes([*found, ground]) == {one.id, ground.id}
    assert other.id not in look_alikes([*found, ground])


@pytest.fixture
def client(sqlite_database: Database) -> Iterator[FlaskClient]:
    write_state(sqlite_database)
    app = app_for(Settings(network="bitcoin-regtest"), sqlite_database, demo=True)
    with app.test_client() as client:
        client.get("/wallets/contacts")  # a guest
        yield client


def test_the_page(client: FlaskClient) -> None:
    assert "No contacts yet" in client.get("/wallets/contacts").text

    def post(rest: str = "", **form: str) -> tuple[int, str]:
        answer = client.post(f"/wallets/contacts{rest}", data=form, headers=OWN)
        return answer.status_code, answer.text

    assert post(name="<i>Zoë</i>", address=SEGWIT)[0] == 303
    page = client.get("/wallets/contacts").text
    assert "&lt;i&gt;Zoë&lt;/i&gt;" in page
    assert "<i>Zoë" not in page
    number = page.split('id="contact-')[1].split('"')[0]
    status, text = post(name="Anton", address=OF_MAIN)
    assert status == 400
    assert 'value="Anton"' in text
    assert f'value="{OF_MAIN}"' in text
    assert "another network" in text
    status, text = post(f"/{number}", name="", address=TAPROOT)
    assert status == 400
    assert "Give the contact a name." in text
    assert '<details class="disclosure" open>' in text
    assert post(f"/{number}", name="Zoë", address=TAPROOT)[0] == 303
    page = client.get("/wallets/contacts").text
    assert TAPROOT in page
    assert SEGWIT not in page
    assert post(f"/{number}/remove")[0] == 303
    assert "No contacts yet" in client.get("/wallets/contacts").text
    assert post(f"/{number}", name="Zoë", address=TAPROOT)[0] == 404
    assert post(f"/{number}/remove")[0] == 404


def test_links_begin_a_contact(client: FlaskClient) -> None:
    page = client.get("/wallets/contacts", query_string={"address": SEGWIT, "name": '"><b>'}).text
    assert f'value="{SEGWIT}"' in page
    assert 'value="&#34;&gt;&lt;b&gt;"' in page
