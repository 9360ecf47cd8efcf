"""Every route of the site: which are public, and that the others answer only to whose they are.

A new route is private unless it is listed here. What is private answers nobody without a session,
is kept by no cache, takes nothing from another site's page, and finds nothing of another person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.routing import IntegerConverter, Rule

from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.database import Database
from tests.apps import app_for
from tests.fixtures_site import Site
from tests.showcase import write_state
from tests.wallet_people import Person, settle
from wallet.keys import Branch
from wallet.psbt import Psbt
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from webapp.accounts import schema
from webapp.config import EMBEDDED, Settings
from webapp.limits import limiter
from webapp.security import LARGEST_BODY, USUAL_BODY
from webapp.wallets import drafts
from webapp.wallets.send_form import SendForm

PUBLIC_BLUEPRINTS = {
    "home", "blocks", "transaction", "address", "exports", "api_docs", "search", "mempool",
    "node", "health", "live", "preferences", "openapi",
    "esplora_transactions", "esplora_scripts", "esplora_blocks", "esplora_mempool",
    "esplora_broadcast", "v1_fees", "v1_transactions", "v1_addresses", "v1_blocks", "v1_socket",
}  # fmt: skip
PUBLIC_ENDPOINTS = {
    "static",
    "account.show_sign_in",
    "account.enter",
    "account.show_register",
    "account.register",
    "wallet_security.show",
    "wallet_messages.show_verify",
    "wallet_messages.verify",
}
UNKEPT = {"account.show_sign_in", "account.enter", "account.show_register", "account.register"}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {},
)
TXID = "ab" * 32


@dataclass(frozen=True, slots=True)
class Request:
    endpoint: str
    method: str
    path: str


def is_public(rule: Rule) -> bool:
    return rule.endpoint in PUBLIC_ENDPOINTS or (
        rule.endpoint.partition(".")[0] in PUBLIC_BLUEPRINTS
    )


def private_requests(app: Flask, values: dict[str, object]) -> list[Request]:
    """Each method of each private route, with `values` for its parameters."""
    found = []
    for rule in app.url_map.iter_rules():
        if not is_public(rule):
            unknown = set(rule.arguments) - set(values)
            assert not unknown, f"{rule}: say here what {unknown} is of user A"
            built = rule.build(values | dict(rule.defaults or {}), append_unknown=False)
            assert built is not None
            methods = sorted((rule.methods or set()) - {"OPTIONS"})
            found += [Request(rule.endpoint, method, built[1]) for method in methods]
    return found


def other_values(app: Flask) -> dict[str, object]:
    """For routes whose parameters do not matter."""
    found: dict[str, object] = {}
    for rule in app.url_map.iter_rules():
        for name, converter in rule._converters.items():
            found[name] = 404 if isinstance(converter, IntegerConverter) else TXID
    return found


@pytest.fixture
def app(sqlite_database: Database) -> Iterator[Flask]:
    write_state(sqlite_database)
    settings = Settings(network="bitcoin-regtest", rate_limit=100_000, registration="open")
    found = app_for(settings, sqlite_database)
    limiter.reset()
    yield found
    limiter.reset()


def test_what_is_listed_as_public_exists(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    assert {rule.endpoint for rule in rules} >= PUBLIC_ENDPOINTS
    assert {rule.endpoint.partition(".")[0] for rule in rules} >= PUBLIC_BLUEPRINTS


def test_nobody_gets_in_without_a_session(app: Flask) -> None:
    client = app.test_client()
    requests = private_requests(app, other_values(app))
    assert len(requests) > 30
    for each in requests:
        response = client.open(each.path, method=each.method, headers=SAME_SITE)
        if each.method in {"GET", "HEAD"}:
            assert response.status_code == 303, each
            assert response.headers["Location"].startswith("/account/sign-in?next="), each
        else:
            assert response.status_code == 401, each
        assert response.headers["Cache-Control"] == "no-store", each


def test_an_unguarded_route_would_be_found(app: Flask) -> None:
    app.add_url_rule("/wallets/<int:wallet_id>/new-idea", "wallet_new.show", lambda wallet_id: "x")
    with pytest.raises(AssertionError, match=r"wallet_new\.show"):
        test_nobody_gets_in_without_a_session(app)


def test_pages_to_enter_by_are_kept_by_no_cache(app: Flask) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        if rule.endpoint in UNKEPT:
            for method in (rule.methods or set()) - {"OPTIONS"}:
                response = client.open(str(rule), method=method, headers=SAME_SITE)
                assert response.headers["Cache-Control"] == "no-store", (method, rule)


def test_no_form_of_another_site_is_taken(app: Flask, sqlite_database: Database) -> None:
    """With a session, without which it would be refused in any case."""
    client = app.test_client()
    client.set_cookie("satchel_theme", "dark")  # whoever has a session has a cookie
    values = other_values(app)
    for rule in app.url_map.iter_rules():
        built = rule.build(values | dict(rule.defaults or {}), append_unknown=False)
        assert built is not None
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            for headers in FOREIGN:
                response = client.open(built[1], method=method, headers=headers)
                assert response.status_code == 403, (method, built[1], headers)


def signed_in(site: Site, app: Flask, person: Person) -> FlaskClient:
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = person.user.get_id()
    return client


@dataclass
class Neighbours:
    """Two people of one site; `values` are the numbers of what is Ann's."""

    app: Flask
    ann: FlaskClient
    bob: FlaskClient
    values: dict[str, object]
    accounts: Database

    def rows(self) -> list[object]:
        """All that is kept of anybody, passwords included."""
        with self.accounts.read() as connection:
            return [
                (table.name, sorted(map(repr, connection.execute(select(table)))))
                for table in schema.metadata.sorted_tables
            ]


@pytest.fixture
def neighbours(demo_site: Site, request: pytest.FixtureRequest) -> Iterator[Neighbours]:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, rate_limit=100_000)
    app = app_for(settings, demo_site.database)
    limiter.reset()
    ann = settle(demo_site, f"Ann {request.node.name}"[:50])
    bob = settle(demo_site, f"Bob {request.node.name}"[:50])
    accounts = app.extensions["satchel"].accounts
    values = {"wallet_id": ann.wallet_id, "txid": TXID, **_belongings(accounts, ann)}
    clients = [signed_in(demo_site, app, each) for each in (ann, bob)]
    yield Neighbours(app, clients[0], clients[1], values, accounts)
    limiter.reset()


def _belongings(accounts: Database, ann: Person) -> dict[str, object]:
    """A draft, a label, a frozen coin and a contact of hers."""
    with accounts.write() as connection:
        connection.execute(
            insert(schema.label).values(
                wallet_id=ann.wallet_id, type="tx", ref=TXID, label="what is Ann's"
            )
        )
        connection.execute(
            insert(schema.frozen_coin).values(
                wallet_id=ann.wallet_id, txid=bytes.fromhex(TXID), vout=0
            )
        )
        form = SendForm(note="what is Ann's")
        draft_id = drafts.create(connection, ann.wallet_id, form, _psbt(ann).serialize())
        contact_id = connection.execute(
            insert(schema.contact)
            .values(
                user_id=ann.user.id, network="bitcoin-regtest", name="what is Ann's",
                address=ann.address(),
            )
            .returning(schema.contact.c.id)
        ).scalar_one()  # fmt: skip
        account_id = connection.execute(
            select(schema.account.c.id).where(schema.account.c.wallet_id == ann.wallet_id)
        ).scalar_one()
    return {"draft_id": draft_id, "contact_id": contact_id, "account_id": account_id}


def _psbt(ann: Person) -> Psbt:
    """Of a coin that the chain does not know."""
    own = ann.descriptor.derive(Branch.RECEIVE, 0)
    output = TxOutput(100_000, own.script)
    previous = Transaction(2, [TxInput(bytes(32), 0, b"", 0)], [output], 0)
    return build_psbt(
        ann.network, [OwnCoin(previous, 0, own)], [Paid(TxOutput(90_000, own.script))], Random(1)
    )


def test_nothing_of_anns_is_there_for_bob(neighbours: Neighbours) -> None:
    before = neighbours.rows()
    about_ann = [
        each
        for each in private_requests(neighbours.app, neighbours.values)
        if re.search(r"/\d+(/|$|\.)", each.path)
    ]
    assert len(about_ann) > 20
    for each in about_ann:
        for body in ({"data": {"label": "x", "type": "tx", "ref": TXID}}, {"json": {}}):
            response = neighbours.bob.open(each.path, method=each.method, headers=SAME_SITE, **body)
            assert response.status_code == 404, (each, body)
            assert "Ann" not in response.text, each
            assert response.headers["Cache-Control"] == "no-store", each
    assert neighbours.rows() == before


def test_the_same_pages_are_there_for_ann(neighbours: Neighbours) -> None:
    """Without which the test above would pass on a site that has lost its pages."""
    for each in private_requests(neighbours.app, neighbours.values):
        if each.method == "GET" and "txid" not in str(each.endpoint):
            response = neighbours.ann.get(each.path)
            assert response.status_code in {200, 302, 303, 404}, each
            if each.endpoint != "wallet_transaction.show":  # TXID is no transaction of hers
                assert response.status_code != 404, each
            assert response.headers["Cache-Control"] == "no-store", each


def test_numbers_beyond_any_are_of_nothing(neighbours: Neighbours) -> None:
    """No database keeps such a number; asked for it, one says so by an error."""
    large = {name: 10**30 for name in neighbours.values if name != "txid"} | {"txid": TXID}
    for values in (large, neighbours.values | {"draft_id": 10**30}):
        for each in private_requests(neighbours.app, values):
            if str(10**30) in each.path:
                response = neighbours.ann.open(each.path, method=each.method, headers=SAME_SITE)
                assert response.status_code in {404, 405}, each


def test_lists_show_ones_own_alone(neighbours: Neighbours) -> None:
    for each in private_requests(neighbours.app, neighbours.values):
        if each.method == "GET" and not re.search(r"/\d+(/|$|\.)", each.path):
            assert "Ann" not in neighbours.bob.get(each.path).text, each


def test_too_much_at_once_is_refused(neighbours: Neighbours) -> None:
    """Of every view, those that look at no body too; and by each that does, far less."""
    before = neighbours.rows()
    length = {"CONTENT_LENGTH": str(LARGEST_BODY + 1)}
    for each in private_requests(neighbours.app, neighbours.values):
        if each.method not in {"GET", "HEAD"}:
            response = neighbours.ann.open(
                each.path, method=each.method, headers=SAME_SITE, environ_overrides=length
            )
            assert response.status_code == 413, each
    for path in ("/account/password", "/wallets/new/watch"):
        response = neighbours.ann.post(
            path, headers=SAME_SITE, data={"password": "1" * (USUAL_BODY + 1)}
        )
        assert response.status_code == 413, path
    assert neighbours.rows() == before


def test_there_is_no_way_in_by_default(app: Flask, tmp_path: Path) -> None:
    """Nobody is there before somebody is added, and names that others ship with open nothing."""
    accounts = app.extensions["satchel"].accounts
    with accounts.read() as connection:
        assert connection.execute(select(schema.user)).all() == []
    client = app.test_client()
    for name in ("admin", "root", "satchel", "user", ""):
        for password in ("", "admin", "password", "satchel"):
            limiter.reset()
            response = client.post(
                "/account/sign-in", data={"name": name, "password": password}, headers=SAME_SITE
            )
            assert response.status_code == 403
    assert Settings.model_fields["registration"].default == "closed"
    assert Settings.model_fields["host"].default == "127.0.0.1"
    assert Settings.model_fields["electrum_host"].default == "127.0.0.1"
