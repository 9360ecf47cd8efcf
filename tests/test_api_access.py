"""Who may ask the API, how often, and from which pages; forms to try it in a browser."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from playwright.sync_api import Page

from tests.apps import app_for
from tests.fixtures_browser import Axe
from tests.fixtures_site import Site
from webapp.cli import main
from webapp.config import EMBEDDED, ConfigError, Settings, load_settings
from webapp.limits import limiter
from webapp.tokens import new_token, token_hash

TIP = "/api/blocks/tip/height"
STRANGER = "https://wallet.example"


def client_of(site: Site, **options: object) -> FlaskClient:
    settings = Settings.model_validate(
        {"network": "bitcoin-regtest", "node_url": EMBEDDED, **options}
    )
    client = app_for(settings, site.database).test_client()
    limiter.reset()
    return client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_limits_are_told_and_end_in_429(demo_site: Site) -> None:
    client = client_of(demo_site, api_rate_limit=3)
    for left in (2, 1, 0):
        answer = client.get(TIP)
        assert answer.status_code == 200
        assert answer.headers["X-RateLimit-Limit"] == "3"
        assert answer.headers["X-RateLimit-Remaining"] == str(left)
        assert "Retry-After" not in answer.headers
    refused = client.get("/api/v1/fees/recommended")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.mimetype == "text/plain"
    elsewhere = client.get(TIP, environ_base={"REMOTE_ADDR": "10.1.2.3"})
    assert elsewhere.status_code == 200
    assert client.get("/").status_code == 200  # pages have no such limit


def test_a_token_allows_for_more(demo_site: Site) -> None:
    token = new_token()
    client = client_of(
        demo_site,
        api_rate_limit=1,
        rate_limit=1,
        api_token_rate_limit=5,
        api_tokens=f"{'0' * 64}, {token_hash(token)}",
    )
    assert [client.get(TIP).status_code for _ in range(2)] == [200, 429]
    known = [client.get(TIP, headers=bearer(token)) for _ in range(6)]
    assert [answer.status_code for answer in known] == [200] * 5 + [429]
    assert known[0].headers["X-RateLimit-Limit"] == "5"
    costly = [client.get("/api/mempool/txids", headers=bearer(token)) for _ in range(2)]
    assert [answer.status_code for answer in costly] == [200, 200]


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic eDp5", "Bearer " + "0" * 64])
def test_an_unknown_token_is_not_taken_for_none(demo_site: Site, header: str) -> None:
    client = client_of(demo_site, api_tokens="0" * 64)
    answer = client.get(TIP, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "token" in answer.text


def test_token_new_prints_what_the_settings_take(demo_site: Site) -> None:
    result = CliRunner().invoke(main, ["token", "new"])
    assert result.exit_code == 0
    token = result.output.split("token: ")[1].split()[0]
    hashed = result.output.split()[-1]
    assert hashed == token_hash(token)
    client = client_of(demo_site, api_tokens=hashed)
    assert client.get(TIP, headers=bearer(token)).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("api_tokens", "secret"), ("cors_origins", "example.org"), ("cors_origins", "https://a.b/c")],
)
def test_wrong_settings_are_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=name.replace("_", ".")):
        load_settings(**{name: value})
    with pytest.raises(ConfigError) as told:
        load_settings(api_tokens="my token itself")
    assert "my token" not in str(told.value)


def test_no_other_site_may_ask_unless_named(demo_site: Site) -> None:
    client = client_of(demo_site)
    answer = client.get(TIP, headers={"Origin": STRANGER})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    refused = client.post("/api/tx", data="00", headers={"Origin": STRANGER})
    assert refused.status_code == 403


@pytest.mark.parametrize("setting", ["*", f"https://other.example, {STRANGER}"])
def test_named_sites_may_ask(demo_site: Site, setting: str) -> None:
    client = client_of(demo_site, cors_origins=setting)
    answer = client.get(TIP, headers={"Origin": STRANGER})
    assert answer.headers["Access-Control-Allow-Origin"] == ("*" if setting == "*" else STRANGER)
    assert "Origin" in answer.headers["Vary"]
    assert "X-RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]
    asked = {"Origin": STRANGER, "Access-Control-Request-Method": "POST"}
    preflight = client.options("/api/tx", headers=asked)
    assert preflight.status_code == 200
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    sent = client.post("/api/tx", data="no hex", headers={"Origin": STRANGER})
    assert sent.status_code == 400  # taken, and found to be no transaction
    assert "Access-Control-Allow-Origin" in sent.headers
    page = client.get("/", headers={"Origin": STRANGER})
    assert "Access-Control-Allow-Origin" not in page.headers
    if setting != "*":
        other = client.get(TIP, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


# The page of the API


def test_every_endpoint_stands_on_the_page_and_works_without_script(demo_site: Site) -> None:
    client = client_of(demo_site)
    page = client.get("/api/docs").text
    paths = json.loads(client.get("/api/openapi.json").text)["paths"]
    for path, methods in paths.items():
        assert path in page
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    answer = client.get("/api/docs/try?operation=get_api_block_height_height&height=0").text
    assert "<html" in answer
    assert demo_site.node.block_hash(0)[::-1].hex() in answer
    assert client.get("/api/docs/try?operation=post_api_tx").status_code == 404
    hostile = client.get(
        "/api/docs/try?operation=get_api_v1_validate_address_address&address=<img src=x>"
    ).text
    assert "<img src=x>" not in hostile


def test_an_endpoint_is_tried_in_the_browser(
    open_page: Callable[..., Page], demo_site: Site, axe: Axe
) -> None:
    page = open_page(demo_site.origin + "/api/docs")
    endpoint = page.locator("#get_api_v1_blocks_height")
    endpoint.locator("summary").first.click()
    endpoint.locator("input[name=height]").fill("3")
    endpoint.get_by_role("button", name="Try it").click()
    answer = endpoint.get_by_label("The answer", exact=True)
    answer.wait_for()
    assert '"height": 3' in answer.inner_text()
    assert "200 OK" in endpoint.inner_text()
    assert axe(page) == []
