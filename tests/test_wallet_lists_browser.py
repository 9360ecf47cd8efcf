"""Lists of a wallet, contacts and the account in a browser: wide, on a phone, without script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Axe
from tests.fixtures_site import Site
from tests.test_wallet_lists import Watched, watch
from tests.wallet_browser import PATIENCE, WalletUser, make_known, sign_up
from webapp.accounts.users import end_sessions, find_user
from webapp.demo.cast import EXCHANGE

LISTS = ("/coins", "/addresses", "/details")
ALL_IN_SIGHT = "rows => rows.every((row) => row.scrollWidth <= row.clientWidth)"
NOT_WIDER = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def storage(watched: Watched) -> dict[str, list[Any]]:
    """The session of the client for a browser."""
    name = str(watched.site.app.config["SESSION_COOKIE_NAME"])
    cookie = watched.client.get_cookie(name)
    assert cookie is not None
    own = {"name": name, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}
    return {"cookies": [{**own, "expires": -1, "httpOnly": True, "secure": False,
                         "sameSite": "Strict"}], "origins": []}  # fmt: skip


@pytest.mark.parametrize(("width", "theme"), [(DESK_WIDTH, "light"), (PHONE_WIDTH, "dark")])
def test_every_page_fits_and_is_accessible(
    demo_site: Site, open_page: Callable[..., Page], axe: Axe, width: int, theme: str
) -> None:
    watched = watch(demo_site, EXCHANGE, f"Wide {width}")
    own = f"/wallets/{watched.wallet_id}"
    address = watched.get("/addresses").split("/address/")[1].split('"')[0]
    watched.client.post(
        "/wallets/contacts",
        data={"name": "Lakeside Exchange", "address": address},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    page = open_page(
        demo_site.origin + own + "/coins", width=width, theme=theme, storage_state=storage(watched)
    )
    for path in (*(own + rest for rest in LISTS), "/wallets/contacts", "/account"):
        page.goto(demo_site.origin + path)
        expect(page.locator(".account-link")).to_be_visible()
        assert page.evaluate(NOT_WIDER), path
        assert page.locator(".wallet-head .tabs").evaluate_all(ALL_IN_SIGHT), path
        assert axe(page) == [], path


def test_entering_fits_and_is_accessible(
    demo_site: Site, open_page: Callable[..., Page], axe: Axe
) -> None:
    for width, theme in ((DESK_WIDTH, "dark"), (PHONE_WIDTH, "light")):
        page = open_page(demo_site.origin + "/account/sign-in", width=width, theme=theme)
        for path in ("/account/sign-in", "/account/register"):
            page.goto(demo_site.origin + path)
            assert page.evaluate(NOT_WIDER), path
            assert axe(page) == [], path
        expect(page.locator(".account-link")).to_have_count(0)


def test_without_script_coins_are_frozen_and_accounts_kept(
    demo_site: Site, open_page: Callable[..., Page]
) -> None:
    watched = watch(demo_site, EXCHANGE, "Without script")
    path = f"{demo_site.origin}/wallets/{watched.wallet_id}"
    page = open_page(path + "/coins", javascript=False, storage_state=storage(watched))
    page.get_by_role("button", name="Freeze").first.click()
    expect(page.get_by_role("button", name="Release")).to_have_count(1)
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("button", name="Release")).to_have_count(0)
    page.get_by_role("link", name="Largest").click()
    page.locator('input[name="coin"]:enabled').first.check()
    page.get_by_role("button", name="Send the ticked coins").click()
    assert "/send?account=" in page.url
    assert "&coin=" in page.url
    page.goto(path + "/details")
    page.get_by_role("spinbutton", name="Gap limit").fill("25")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("spinbutton", name="Gap limit")).to_have_value("25")
    page.get_by_role("link", name="Without script").click()
    page.get_by_label("Name", exact=True).fill("Wren")
    page.get_by_label("New password").fill("a rather long password")
    page.get_by_label("The same password again").fill("a rather long password")
    page.get_by_role("button", name="Set the password").click()
    expect(page.locator("h1")).to_have_text("Wren")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(demo_site.origin + "/account/sign-in")
    page.get_by_label("Name", exact=True).fill("wren")
    page.get_by_label("Password of your account").fill("a rather long password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".account-link")).to_have_text("Wren")


def test_a_lost_session_loses_nothing_that_was_typed(
    demo_site: Site, open_page: Callable[..., Page]
) -> None:
    watched = watch(demo_site, EXCHANGE, "Lost")
    path = f"{demo_site.origin}/wallets/{watched.wallet_id}"
    page = open_page(
        path + "/coins", storage_state=storage(watched), expected=("status of 401", "401 (")
    )
    accounts = demo_site.app.extensions["satchel"].accounts
    label = page.locator(".label-editor").first
    label.locator("summary").click()
    label.get_by_role("textbox").fill("for the garden")
    with accounts.write() as connection:
        end_sessions(connection, watched.user_id)
    label.get_by_role("button", name="Save").click()
    expect(page.locator("#note")).to_contain_text("Sign in again in another tab")
    expect(label.get_by_role("textbox")).to_have_value("for the garden")
    # As signing in in another tab does: the cookie is the browser's.
    with accounts.read() as connection:
        again = find_user(connection, watched.user_id)
    assert again is not None
    with watched.client.session_transaction() as session:
        session["_user_id"] = again.get_id()
    page.context.add_cookies(storage(watched)["cookies"])
    label.get_by_role("button", name="Save").click()
    expect(page.locator(".label-editor").first).to_contain_text("for the garden")


def test_another_account_of_the_same_words(
    demo_site: Site, open_page: Callable[..., Page], axe: Axe
) -> None:
    someone = sign_up(demo_site, "Two accounts")
    known = make_known(someone, [*["abandon"] * 11, "about"])
    page = open_page(
        f"{demo_site.origin}/wallets", storage_state=someone.storage, expected=("status of 400",)
    )
    person = WalletUser(page, demo_site.origin)
    person.restore_known(known)
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_label("Number", exact=True)).to_have_value("2")
    assert axe(page) == []
    page.get_by_role("button", name="Add the account").click()
    expect(page.locator("h2", has_text="Account 2 · BIP84")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("m/84h/1h/1h", exact=True)).to_be_visible()
    person.expect_lock("unlocked")
    page.get_by_label("Number", exact=True).fill("2")  # once more
    page.get_by_role("button", name="Add the account").click()
    expect(page.get_by_text("The wallet has this account already.")).to_be_visible()
