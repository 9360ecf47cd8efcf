"""Headers of every response, forms of other sites, preferences, pages for errors."""

import base64
import hashlib
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import BaseConverter, IntegerConverter

from indexer.database import Database
from tests.showcase import showcase_app, write_state
from webapp.security import CAMERA_PATHS, CAMERA_POLICY, CONTENT_SECURITY_POLICY, HEADERS

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def app(sqlite_database: Database) -> Flask:
    write_state(sqlite_database)
    return showcase_app(sqlite_database)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def _addresses(app: Flask) -> list[tuple[str, str]]:
    """(method, address) of every route, its parameters filled with something of their kind."""
    found = []
    for rule in app.url_map.iter_rules():
        values = {name: _value(converter) for name, converter in rule._converters.items()}
        built = rule.build({**values, **(rule.defaults or {})})
        assert built is not None, rule
        address = built[1]
        # A stream never ends, see the live tests; the other page is wrong on purpose.
        if address not in {"/live", "/injected"}:
            found += [(method, address) for method in sorted((rule.methods or set()) - {"OPTIONS"})]
    return found


def _value(converter: BaseConverter) -> object:
    return 404 if isinstance(converter, IntegerConverter) else "0" * 64


def test_every_route_answers_with_every_header(app: Flask, client: FlaskClient) -> None:
    addresses = _addresses(app)
    assert len(addresses) > 10
    for method, address in addresses:
        response = client.open(address, method=method, headers=SAME_SITE)
        where = f"{method} {address} {response.status}"
        camera = CAMERA_POLICY if address.startswith(CAMERA_PATHS) else None
        for name, value in HEADERS.items():
            expected = camera if camera and name == "Permissions-Policy" else value
            assert response.headers.get(name) == expected, where
        policy = response.headers.get("Content-Security-Policy", "")
        nonce = re.search(r"'nonce-([\w-]{24})'", policy)
        assert nonce is not None, where
        assert policy == CONTENT_SECURITY_POLICY.format(nonce=nonce[1]), where
        if response.mimetype == "text/html" and method == "GET":
            assert "style=" not in response.text, where
            assert not re.search(r"\son\w+=", response.text), where
            assert set(re.findall(r'nonce="([^"]*)"', response.text)) <= {nonce[1]}, where


def test_every_form_route_refuses_other_sites(app: Flask, client: FlaskClient) -> None:
    forms = [address for method, address in _addresses(app) if method == "POST"]
    assert forms
    for address in forms:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "https://elsewhere.example"},
            {"Origin": "null"},
        ):
            assert client.post(address, headers=headers).status_code == 403, (address, headers)


def test_a_browser_that_says_nothing_is_refused_once_it_sends_cookies(client: FlaskClient) -> None:
    assert client.post("/preferences", data={"unit": "small"}).status_code == 303
    assert client.post("/preferences", data={"unit": "coin"}).status_code == 403
    with_origin = {"Origin": "http://localhost"}
    assert (
        client.post("/preferences", data={"unit": "coin"}, headers=with_origin).status_code == 303
    )


def test_the_nonce_is_new_each_time(client: FlaskClient) -> None:
    policies = {client.get("/showcase").headers["Content-Security-Policy"] for _ in range(5)}
    assert len(policies) == 5


def test_tls_asks_to_stay_with_tls(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/showcase").headers
    response = client.get("/showcase", base_url="https://localhost")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "/\t/elsewhere.example",
        "javascript:alert(1)",
        "",
    ],
)
def test_preferences_never_lead_to_another_site(client: FlaskClient, target: str) -> None:
    response = client.post(
        "/preferences", data={"theme": "dark", "next": target}, headers=SAME_SITE
    )
    assert response.headers["Location"] == "/"


def test_preferences_are_kept_in_strict_cookies(client: FlaskClient) -> None:
    form = {"unit": "small", "theme": "dark", "language": "zh_Hans_CN", "next": "/showcase?a=1"}
    response = client.post("/preferences", data=form, headers=SAME_SITE)
    assert (response.status_code, response.headers["Location"]) == (303, "/showcase?a=1")
    cookies = response.headers.getlist("Set-Cookie")
    assert len(cookies) == 3
    assert all("HttpOnly" in cookie and "SameSite=Strict" in cookie for cookie in cookies)
    page = client.get("/showcase").text
    assert 'lang="zh-Hans-CN" data-theme="dark"' in page
    assert '<span class="unit">sat</span>' in page


def test_a_preference_that_does_not_exist_is_refused(client: FlaskClient) -> None:
    response = client.post("/preferences", data={"theme": "<b>pink</b>"}, headers=SAME_SITE)
    assert response.status_code == 400
    assert "&lt;b&gt;pink&lt;/b&gt;" in response.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("zh-CN,zh;q=0.9", "zh-Hans-CN"), ("zh", "zh-Hans-CN"), ("de,en;q=0.5", "en"), ("de", "en")],
)
def test_the_language_follows_the_browser(
    client: FlaskClient, accepted: str, language: str
) -> None:
    page = client.get("/showcase", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{language}"' in page


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 429, 500, 503])
def test_error_pages_help_and_are_not_kept(client: FlaskClient, status: int) -> None:
    response = client.get(f"/refused/{status}")
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert "<h1>" in response.text
    assert 'id="search-input"' in response.text
    as_json = client.get(f"/refused/{status}", headers={"Accept": "application/json"})
    assert as_json.status_code == status
    assert set(as_json.json or {}) == {"error", "help"}


def test_an_unexpected_error_tells_no_secret(client: FlaskClient) -> None:
    response = client.get("/broken")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "RuntimeError" not in response.text


def test_a_database_that_is_gone_is_said_so(tmp_path: object, sqlite_database: Database) -> None:
    empty = Database.open(f"sqlite:///{tmp_path}/empty.db")
    with showcase_app(empty).test_client() as client:
        response = client.get("/showcase")
    empty.dispose()
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "index" in response.text


def test_too_many_costly_requests(sqlite_database: Database) -> None:
    from webapp.limits import costly

    app = showcase_app(sqlite_database, rate_limit=3)

    @app.get("/costly")
    @costly
    def expensive() -> str:
        return "done"

    with app.test_client() as client:
        statuses = [client.get("/costly").status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert client.get("/showcase").status_code == 200


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    response = client.post("/preferences", data={"next": "/" * (1 << 21)}, headers=SAME_SITE)
    assert response.status_code == 413


def test_behind_a_proxy(sqlite_database: Database) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "chain.example",
        "X-Forwarded-Prefix": "/explorer",
    }
    with showcase_app(sqlite_database, trusted_proxies=1).test_client() as client:
        response = client.get("/showcase", headers=headers)
        assert "Strict-Transport-Security" in response.headers
        assert 'href="/explorer/blocks"' in response.text
        assert 'name="next" value="/explorer/showcase"' in response.text
        form = {"theme": "dark", "next": "/explorer/showcase"}
        posted = client.post(
            "/preferences", data=form, headers={**headers, "Origin": "https://chain.example"}
        )
        assert posted.headers["Location"] == "/explorer/showcase"
        assert "Path=/explorer/" in posted.headers["Set-Cookie"]
    with showcase_app(sqlite_database).test_client() as client:
        response = client.get("/showcase", headers=headers)
        assert "Strict-Transport-Security" not in response.headers
        assert 'href="/blocks"' in response.text


def test_who_has_a_page_already_is_told_so(client: FlaskClient) -> None:
    first = client.get("/kept")
    assert first.headers["Cache-Control"] == "no-cache"
    assert {"Cookie", "Accept-Language", "HX-Request"} <= set(first.headers["Vary"].split(", "))
    tag = {"If-None-Match": first.headers["ETag"]}
    again = client.get("/kept", headers=tag)
    assert again.status_code == 304
    assert "Content-Security-Policy" not in again.headers
    client.set_cookie("satchel_unit", "small")
    assert client.get("/kept", headers=tag).status_code == 200


def test_assets_are_kept_for_a_year_under_names_of_their_content(client: FlaskClient) -> None:
    page = client.get("/showcase").text
    found = re.findall(
        r'(?:src|href)="(/static/main-[A-Z0-9]{8}\.(?:js|css))" integrity="([^"]+)"', page
    )
    assert len(found) == 2
    for address, integrity in found:
        response = client.get(address)
        digest = base64.b64encode(hashlib.sha384(response.data).digest()).decode()
        assert integrity == f"sha384-{digest}"
        assert "max-age=31536000" in response.headers["Cache-Control"]
