"""The frame in a real browser: updates in place, keys, copying, themes, no script, no holes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from indexer.database import Database
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Servers
from tests.showcase import change_state, evil_hits, showcase_app, write_state

Opener = Callable[..., Page]

SUGGESTIONS = """
<a class="suggestion" role="option" aria-selected="false" href="/showcase?first">1</a>
<a class="suggestion" role="option" aria-selected="false" href="/showcase?second">2</a>
"""


@pytest.fixture
def origin(sqlite_database: Database, serve_app: Servers) -> str:
    write_state(sqlite_database)
    return serve_app(showcase_app(sqlite_database))


def wait_for_stream(page: Page, how: str = "stream") -> None:
    page.locator(f"html[data-live={how}]").wait_for(state="attached", timeout=15_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
def test_everything_is_accessible_and_fits(
    origin: str,
    open_page: Opener,
    axe: Callable[[Page], list[str]],
    width: int,
    theme: str,
) -> None:
    page = open_page(f"{origin}/showcase", width=width, theme=theme)
    wait_for_stream(page)
    page.locator("details.menu summary").click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_error_pages_are_accessible(
    origin: str, open_page: Opener, axe: Callable[[Page], list[str]]
) -> None:
    page = open_page(f"{origin}/nowhere", expected=("status of 404",))
    assert axe(page) == []
    expect(page.locator("h1")).to_have_text("Nothing is here")


def test_a_page_follows_the_chain_in_place(
    origin: str, open_page: Opener, sqlite_database: Database
) -> None:
    page = open_page(f"{origin}/showcase")
    wait_for_stream(page)
    page.locator("details.disclosure").first.evaluate("element => { element.open = true }")
    page.locator("#note").fill("half a thought")
    page.evaluate(
        """() => {
          document.querySelector("#note").setSelectionRange(2, 6);
          document.querySelector("#row-3").marked = true;
          window.scrollTo(0, 400);
        }"""
    )
    before = page.evaluate("scrollY")
    change_state(sqlite_database, chain_generation=314, tip_height=313, node_height=313)
    expect(page.locator("#status a")).to_have_text("313")
    expect(page.locator("#row-9")).to_have_class("is-new")
    after = page.evaluate(
        """() => ({
          scroll: scrollY,
          focus: document.activeElement.id,
          text: document.activeElement.value,
          start: document.activeElement.selectionStart,
          end: document.activeElement.selectionEnd,
          same: document.querySelector("#row-3").marked,
          open: document.querySelector("details.disclosure").open,
          fresh: [...document.querySelectorAll(".is-new")].map(({ id }) => id),
        })"""
    )
    assert after == {
        "scroll": before, "focus": "note", "text": "half a thought", "start": 2, "end": 6,
        "same": True, "open": True, "fresh": ["row-9"],
    }  # fmt: skip


def test_selected_text_stays_selected(
    origin: str, open_page: Opener, sqlite_database: Database
) -> None:
    page = open_page(f"{origin}/showcase")
    wait_for_stream(page)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#row-2 .hash'))")
    selected = page.evaluate("String(getSelection())")
    assert len(selected) > 10
    with page.expect_response(re.compile("/showcase$")):
        change_state(sqlite_database, mempool_generation=8)
    page.wait_for_timeout(300)
    assert page.evaluate("String(getSelection())") == selected


def test_a_page_that_was_not_there_appears(
    origin: str, open_page: Opener, sqlite_database: Database
) -> None:
    page = open_page(f"{origin}/expected", expected=("status of 404",))
    wait_for_stream(page)
    expect(page.locator("h1")).to_have_text("Nothing is here")
    change_state(sqlite_database, chain_generation=314, tip_height=313)
    expect(page.locator("h1")).to_have_text("It is here")


def test_polling_takes_over_where_no_stream_is_to_be_had(
    sqlite_database: Database,
    serve_app: Servers,
    open_page: Opener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webapp.app.MAX_READERS", 0)
    monkeypatch.setattr("webapp.live.POLL_MILLISECONDS", 300)
    write_state(sqlite_database)
    origin = serve_app(showcase_app(sqlite_database))
    page = open_page(f"{origin}/showcase", expected=("status of 503",))
    wait_for_stream(page, "poll")
    change_state(sqlite_database, chain_generation=314, tip_height=313, node_height=313)
    expect(page.locator("#status a")).to_have_text("313", timeout=15_000)


def test_a_lost_server_is_said_and_found_again(
    serve_app: Servers, open_page: Opener, sqlite_database: Database
) -> None:
    write_state(sqlite_database)
    origin = serve_app(showcase_app(sqlite_database))
    page = open_page(f"{origin}/showcase", expected=("ERR_CONNECTION_REFUSED", "htmx:sse:error"))
    wait_for_stream(page)
    serve_app.stop(origin)
    expect(page.locator(".connection-lost")).to_be_visible(timeout=30_000)
    change_state(sqlite_database, chain_generation=314, tip_height=313, node_height=313)
    serve_app(showcase_app(sqlite_database), port=int(origin.rpartition(":")[2]))
    expect(page.locator("#status a")).to_have_text("313", timeout=30_000)
    expect(page.locator(".connection-lost")).to_be_hidden()


def test_smuggled_attributes_do_nothing(origin: str, open_page: Opener) -> None:
    evil_hits.clear()
    page = open_page(
        f"{origin}/injected",
        expected=("[hx-csp]", "[guard]", "CSP violation", "violates", "status of 404"),
    )
    wait_for_stream(page)
    page.locator("#on").click()
    page.wait_for_timeout(800)
    assert evil_hits == []
    page.locator("#boosted").click()
    page.wait_for_url(re.compile("/evil"))
    assert evil_hits == ["/evil?boost"]  # as the plain link it is, which the reader clicked


def test_hostile_text_is_shown_as_text(origin: str, open_page: Opener) -> None:
    evil_hits.clear()
    page = open_page(f"{origin}/showcase")
    wait_for_stream(page)
    expect(page.locator(".chain-text")).to_have_text(re.compile(r"^<b hx-get=.*U\+202Egnp\.exe␀"))
    assert evil_hits == []


def test_times_are_local_and_ages_move(origin: str, open_page: Opener) -> None:
    page = open_page(f"{origin}/showcase", timezone_id="Asia/Shanghai")
    moment = page.locator("time[data-time=moment]").first
    expect(moment).to_have_text(re.compile("GMT.8"))
    expect(moment).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    age = page.locator(".stat-note time").first
    shown = age.text_content()
    page.wait_for_timeout(2500)
    assert age.text_content() != shown


def test_the_search_box_by_keyboard(
    origin: str, open_page: Opener, axe: Callable[[Page], list[str]]
) -> None:
    page = open_page(f"{origin}/showcase")

    def answer(route: Route) -> None:
        route.fulfill(body=SUGGESTIONS, content_type="text/html")

    page.route("**/search/suggest*", answer)
    page.keyboard.press("/")
    box = page.locator("#search-input")
    expect(box).to_be_focused()
    page.keyboard.type("31/2")
    expect(box).to_have_value("31/2")
    expect(page.locator("#search-suggestions")).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    assert axe(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#search-suggestions")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[role=option]").nth(1)).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/showcase\?second"))


def test_copying(origin: str, open_page: Opener) -> None:
    page = open_page(f"{origin}/showcase", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#row-2 .copy").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "07" + "02" * 31


def test_the_theme_follows_the_choice_and_else_the_system(origin: str, open_page: Opener) -> None:
    page = open_page(f"{origin}/showcase?a=1", theme="dark")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(background)
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Light").click()
    expect(page).to_have_url(f"{origin}/showcase?a=1")
    assert page.evaluate(background) != dark
    page.locator("details.menu summary").click()
    expect(page.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".menu-panel")).to_be_hidden()
    expect(page.locator("details.menu summary")).to_be_focused()


def test_without_script(origin: str, open_page: Opener, sqlite_database: Database) -> None:
    page = open_page(f"{origin}/showcase", javascript=False, expected=("status of 404",))
    expect(page.locator("h1")).to_have_text("Block 312")
    expect(page.locator(".copy").first).to_be_hidden()
    expect(page.locator(".stat-note time")).to_have_text(re.compile("ago|now"))
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="sat", exact=True).click()
    expect(page.locator(".stat-value .unit").first).to_have_text("sat")
    page.locator("#search-input").fill("313")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=313"))


def test_a_page_from_the_cache_keeps_its_own_nonce(origin: str, open_page: Opener) -> None:
    page = open_page(f"{origin}/kept")
    wait_for_stream(page)
    first = page.locator("script").evaluate("element => element.nonce")
    page.goto(f"{origin}/showcase")
    page.goto(f"{origin}/kept")
    wait_for_stream(page)
    assert page.locator("script").evaluate("element => element.nonce") == first


def test_going_back_keeps_the_place_and_wakes_the_stream(
    origin: str, open_page: Opener, sqlite_database: Database
) -> None:
    page = open_page(f"{origin}/showcase")
    wait_for_stream(page)
    page.evaluate("window.scrollTo(0, 500)")
    page.goto(f"{origin}/showcase?next")
    page.go_back()
    wait_for_stream(page)
    assert page.evaluate("scrollY") == 500
    change_state(sqlite_database, chain_generation=314, tip_height=313, node_height=313)
    expect(page.locator("#status a")).to_have_text("313")


def test_events_of_one_moment_make_one_request(
    origin: str, open_page: Opener, sqlite_database: Database
) -> None:
    page = open_page(f"{origin}/showcase")
    wait_for_stream(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(origin)))
    change_state(
        sqlite_database, chain_generation=314, mempool_generation=8, tip_height=313, node_error="x"
    )
    expect(page.locator("#row-9")).to_be_visible()
    page.wait_for_timeout(1000)
    assert sorted(asked) == ["/live/status", "/showcase"]
