"""Accounts over HTTP: who gets in, for how long, and what is forgotten."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from indexer.database import Database
from tests.showcase import write_state
from webapp.accounts import passwords, users
from webapp.accounts.schema import user
from webapp.app import create_app
from webapp.config import Settings
from webapp.limits import limiter

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"
OTHER = "another long password"

NewApp = Callable[..., Flask]


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> PasswordHasher:
    """Quick ones: tests/test_passwords.py has the real ones."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", quick)
    passwords.nobodys_hash.cache_clear()
    return quick


@pytest.fixture
def people(request: pytest.FixtureRequest) -> Database:
    """The account database: a SQLite file, or what `on_both` says."""
    found: Database = request.getfixturevalue(getattr(request, "param", "sqlite_accounts"))
    return found


on_both = pytest.mark.parametrize("people", ["sqlite_accounts", "postgres_accounts"], indirect=True)


@pytest.fixture
def new_app(sqlite_database: Database, people: Database, tmp_path: Path) -> NewApp:
    """Makes the app with other settings, or as the demo's."""
    write_state(sqlite_database)

    def make(*, demo: bool = False, **options: object) -> Flask:
        settings = Settings.model_validate(
            {"network": "bitcoin-regtest", "data_directory": tmp_path, **options}
        )
        app = create_app(settings, sqlite_database, people, demo=demo)
        limiter.reset()
        return app

    return make


@pytest.fixture
def ann(people: Database) -> users.User:
    stored = users.hashed(PASSWORD)
    with people.write() as connection:
        return users.add_user(connection, "Ann", stored)


def post(client: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    """The status and, of a redirect, where it leads."""
    response = client.post(path, data=form, headers=SAME_SITE)
    return response.status_code, response.headers.get("Location", "")


def sign_in(client: FlaskClient, name: str = "Ann", password: str = PASSWORD) -> tuple[int, str]:
    return post(client, "/account/sign-in", name=name, password=password)


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


@on_both
def test_in_and_out(new_app: NewApp, ann: users.User) -> None:
    client = new_app().test_client()
    response = client.get("/account")
    assert (response.status_code, response.headers["Location"]) == (
        303,
        "/account/sign-in?next=%2Faccount",
    )
    assert "Sign in" in client.get(response.headers["Location"]).text
    assert sign_in(client, " aNN ") == (303, "/wallets")
    page = client.get("/account")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "Ann" in page.text
    assert post(client, "/account/sign-out") == (303, "/")
    assert not is_in(client)


@on_both
@pytest.mark.parametrize(
    ("name", "password"),
    [("Ann", OTHER), ("Nobody", PASSWORD), ("Ann", ""), ("", ""), ("a\0b", "x")],
)
def test_wrong_names_and_passwords_get_one_answer(
    new_app: NewApp, ann: users.User, name: str, password: str
) -> None:
    client = new_app().test_client()
    response = client.post(
        "/account/sign-in", data={"name": name, "password": password}, headers=SAME_SITE
    )
    assert response.status_code == 403
    assert "The name or the password is wrong." in response.text
    assert 'type="password" value=""' in response.text
    assert not is_in(client)


def test_the_name_typed_comes_back_escaped(new_app: NewApp) -> None:
    response = (
        new_app()
        .test_client()
        .post("/account/sign-in", data={"name": '"><b>', "password": "x"}, headers=SAME_SITE)
    )
    assert 'value="&#34;&gt;&lt;b&gt;"' in response.text


def test_a_guest_cannot_be_entered_by_a_password(new_app: NewApp, people: Database) -> None:
    with people.write() as connection:
        users.add_user(connection, "Guest", None)
    client = new_app().test_client()
    for password in ("", "None", PASSWORD):
        assert sign_in(client, "Guest", password)[0] == 403


def test_an_unknown_name_costs_a_hash_too(
    new_app: NewApp, ann: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        hashes.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    client = new_app().test_client()
    for name in ("Ann", "Nobody"):
        assert sign_in(client, name, OTHER)[0] == 403
    assert len(hashes) == 2
    assert len({stored.rsplit("$", 2)[0] for stored in hashes}) == 1  # at one cost


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/wallets/7/send?to=x", "/wallets/7/send?to=x"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("", "/wallets"),
    ],
)
def test_next_stays_here(new_app: NewApp, ann: users.User, target: str, lands: str) -> None:
    client = new_app().test_client()
    form = {"name": "Ann", "password": PASSWORD, "next": target}
    assert post(client, "/account/sign-in", **form) == (303, lands)
    assert client.get("/account/sign-in", query_string={"next": target}).location == lands


def test_the_cookie(new_app: NewApp, ann: users.User) -> None:
    form = {"name": "Ann", "password": PASSWORD}
    for base, secure in (("http://localhost", False), ("https://localhost", True)):
        client = new_app().test_client()
        response = client.post("/account/sign-in", data=form, headers=SAME_SITE, base_url=base)
        (cookie,) = response.headers.getlist("Set-Cookie")
        assert re.match(r"satchel_session_[0-9a-f]{8}=", cookie)
        assert "; HttpOnly" in cookie
        assert "; SameSite=Strict" in cookie
        assert "; Path=/" in cookie
        assert ("; Secure" in cookie) is secure
        assert "Domain" not in cookie


def test_a_session_begins_afresh_at_sign_in(new_app: NewApp, ann: users.User) -> None:
    client = new_app().test_client()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    assert sign_in(client)[0] == 303
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["_fresh"]


def test_public_pages_know_nobody_and_touch_no_session(new_app: NewApp, ann: users.User) -> None:
    client = new_app().test_client()
    sign_in(client)
    for path in ("/", "/search", "/mempool", "/account-is-not-here", "/api/blocks/tip/height"):
        response = client.get(path)
        assert "Set-Cookie" not in response.headers, path
        assert "Ann" not in response.text, path
    assert "Cookie" not in client.get("/api/blocks/tip/height").headers.get("Vary", "")
    asset = re.search(r'href="(/static/main[^"]*)"', client.get("/").text)
    assert asset is not None
    assert "Cookie" not in client.get(asset[1]).headers.get("Vary", "")


@on_both
def test_a_password_change_ends_other_sessions(new_app: NewApp, ann: users.User) -> None:
    app = new_app()
    here, there = app.test_client(), app.test_client()
    sign_in(here)
    sign_in(there)
    change = {"password": OTHER, "again": OTHER}
    assert post(here, "/account/password", current="wrong", **change)[0] == 400
    assert (
        post(here, "/account/password", current=PASSWORD, password="short", again="short")[0] == 400
    )
    assert post(here, "/account/password", current=PASSWORD, password=OTHER, again="x")[0] == 400
    assert is_in(there)
    assert post(here, "/account/password", current=PASSWORD, **change)[0] == 303
    assert is_in(here)
    assert not is_in(there)
    assert sign_in(there)[0] == 403
    assert sign_in(there, password=OTHER)[0] == 303


def test_signing_out_everywhere(new_app: NewApp, ann: users.User) -> None:
    app = new_app()
    here, there, third = app.test_client(), app.test_client(), app.test_client()
    for client in (here, there, third):
        sign_in(client)
    post(third, "/account/sign-out")
    assert is_in(here)
    post(here, "/account/sign-out", everywhere="yes")
    assert not is_in(here)
    assert not is_in(there)


def test_a_forged_or_foreign_session_is_nobodys(new_app: NewApp, ann: users.User) -> None:
    app = new_app()
    client = app.test_client()
    for session_id in (f"{ann.id}:", f"{ann.id}", f"{ann.id}:{'x' * 32}", "404:x", "x:y", ""):
        with client.session_transaction() as session:
            session["_user_id"] = session_id
        assert client.get("/account").status_code == 303, session_id
    client.set_cookie(str(app.config["SESSION_COOKIE_NAME"]), "e30.made.up")
    assert not is_in(client)


@on_both
def test_hashes_of_older_parameters_are_renewed(
    new_app: NewApp, people: Database, ann: users.User, hasher: PasswordHasher
) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    with people.write() as connection:
        connection.execute(update(user).values(password_hash=old))
    client = new_app().test_client()
    assert sign_in(client, password=OTHER)[0] == 403
    with people.read() as connection:
        assert connection.execute(select(user.c.password_hash)).scalar_one() == old
    assert sign_in(client)[0] == 303
    with people.read() as connection:
        renewed = connection.execute(select(user.c.password_hash)).scalar_one()
    assert not hasher.check_needs_rehash(renewed)
    assert is_in(client)
    assert sign_in(new_app().test_client())[0] == 303


@on_both
def test_registration(new_app: NewApp) -> None:
    form = {"name": " Zoë ", "password": PASSWORD, "again": PASSWORD}
    closed = new_app().test_client()
    assert "Registration is closed" in closed.get("/account/register").text
    assert post(closed, "/account/register", **form)[0] == 403
    client = new_app(registration="open").test_client()
    assert post(client, "/account/register", **{**form, "name": ""})[0] == 400
    assert post(client, "/account/register", **{**form, "name": "x" * 51})[0] == 400
    assert post(client, "/account/register", **{**form, "name": "a\u202eb"})[0] == 400
    assert post(client, "/account/register", **{**form, "password": "short"})[0] == 400
    assert post(client, "/account/register", **{**form, "again": "other"})[0] == 400
    assert not is_in(client)
    assert post(client, "/account/register", **form) == (303, "/wallets")
    assert "Zoë" in client.get("/account").text
    again = client.post("/account/register", data={**form, "name": "ZOE\u0308"}, headers=SAME_SITE)
    assert again.status_code == 400
    assert "Somebody has this name already." in again.text
    assert "ZOE\u0308" in again.text


@on_both
def test_delete_everything(new_app: NewApp, people: Database, ann: users.User) -> None:
    app = new_app()
    client, there = app.test_client(), app.test_client()
    sign_in(client)
    sign_in(there)
    assert post(client, "/account/delete", delete_password="wrong")[0] == 400
    assert is_in(client)
    assert post(client, "/account/delete", delete_password=PASSWORD) == (303, "/")
    assert not is_in(client)
    assert not is_in(there)
    with people.read() as connection:
        assert users.all_users(connection) == []


def test_attempts_of_an_account_and_of_an_address_are_limited(
    new_app: NewApp, ann: users.User
) -> None:
    client = new_app().test_client()
    answers = [sign_in(client, "ann", OTHER)[0] for _each in range(12)]
    assert answers == [403] * 10 + [429] * 2
    assert sign_in(client)[0] == 429  # the right one neither, or guessing would go on
    assert sign_in(client, "Bob", OTHER)[0] == 403
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    form = {"name": "Ann", "password": PASSWORD}
    assert (
        client.post(
            "/account/sign-in", data=form, headers=SAME_SITE, environ_base=elsewhere
        ).status_code
        == 429
    )
    limiter.reset()
    others = [sign_in(client, f"name {number}", OTHER)[0] for number in range(22)]
    assert others == [403] * 20 + [429] * 2
    assert (
        client.post(
            "/account/sign-in", data=form, headers=SAME_SITE, environ_base=elsewhere
        ).status_code
        == 303
    )


def test_neighbours_in_one_ipv6_network_count_as_one(new_app: NewApp) -> None:
    client = new_app().test_client()
    statuses = [
        client.post(
            "/account/sign-in",
            data={"name": f"name {number}", "password": "x"},
            headers=SAME_SITE,
            environ_base={"REMOTE_ADDR": f"2001:db8:1:2:{number:x}::1"},
        ).status_code
        for number in range(21)
    ]
    assert statuses == [403] * 20 + [429]


@on_both
def test_a_guest_is_made_in_the_demo_alone(new_app: NewApp, people: Database) -> None:
    assert new_app().test_client().get("/account").status_code == 303
    app = new_app(demo=True)
    client = app.test_client()
    page = client.get("/account")
    assert page.status_code == 200
    assert "Guest" in page.text
    assert "; Expires=" in page.headers["Set-Cookie"]  # they have no other way back
    assert client.get("/account").text.count("Guest ") == page.text.count("Guest ")
    with people.read() as connection:
        (guest,) = users.all_users(connection)
    assert guest.is_guest
    assert app.test_client().post("/account/delete", headers=SAME_SITE).status_code == 401
    script = {"Sec-Fetch-Dest": "empty"}
    assert app.test_client().get("/account", headers=script).status_code == 401


@on_both
def test_a_guest_stays_by_name_and_password(new_app: NewApp, ann: users.User) -> None:
    app = new_app(demo=True)
    client = app.test_client()
    client.get("/account")
    form = {"password": OTHER, "again": OTHER}
    taken = client.post("/account/password", data={"name": "ANN", **form}, headers=SAME_SITE)
    assert taken.status_code == 400
    assert "Somebody has this name already." in taken.text
    assert post(client, "/account/password", name="Mia", **form)[0] == 303
    assert "Guest" not in client.get("/account").text
    assert sign_in(app.test_client(), "mia", OTHER)[0] == 303


def test_a_guest_deletes_with_a_tick(new_app: NewApp, people: Database) -> None:
    client = new_app(demo=True).test_client()
    client.get("/account")
    assert post(client, "/account/delete")[0] == 400
    assert post(client, "/account/delete", consent="yes")[0] == 303
    with people.read() as connection:
        assert users.all_users(connection) == []


def test_a_lost_session_keeps_what_was_typed(new_app: NewApp, ann: users.User) -> None:
    app = new_app()
    client = app.test_client()
    response = client.post(
        "/account/password?of=mine",
        data={"name": '"><i>Ann', "password": "secret words", "again": "secret words"},
        headers=SAME_SITE,
    )
    assert response.status_code == 401
    assert response.headers["Cache-Control"] == "no-store"
    assert 'action="/account/password?of=mine"' in response.text
    assert 'name="name" value="&#34;&gt;&lt;i&gt;Ann"' in response.text
    assert "secret words" not in response.text
    for headers in ({"HX-Request": "true"}, {"Sec-Fetch-Dest": "empty"}):
        script = client.get("/account", headers=headers)
        assert script.status_code == 401
        assert (script.json or {})["error"] == "You are no longer signed in."


def test_the_key_is_ours_alone_and_made_once(new_app: NewApp, tmp_path: Path) -> None:
    first, second = new_app(), new_app()
    key = tmp_path / "secret-key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert first.secret_key == second.secret_key == key.read_bytes()
    assert len(key.read_bytes()) == 32
    assert [path.name for path in tmp_path.iterdir() if "secret" in path.name] == ["secret-key"]
