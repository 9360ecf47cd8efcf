"""Making, restoring, importing and backing up wallets in Chromium, with everything that can go
wrong on the way said at once and nothing lost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Locator, Page, Route, expect

from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Axe
from tests.fixtures_site import Site
from tests.walk import Walk
from tests.wallet_browser import (
    PASSWORD,
    PATIENCE,
    Someone,
    WalletUser,
    make_known,
    sign_up,
)
from webapp.demo.cast import CHEN, mnemonic_of
from webapp.demo.town import SEED

Opener = Callable[..., Page]

ABANDON = [*["abandon"] * 11, "about"]
LEGAL = [*["legal", "winner", "thank", "year", "wave", "sausage", "worth", "useful"],
         *["legal", "winner", "thank", "yellow"]]  # fmt: skip
ADVICE = [*["letter", "advice", "cage", "absurd", "amount", "doctor", "acoustic", "avoid"],
          *["letter", "advice", "cage", "above"]]  # fmt: skip
FINGERPRINT = "28645006"  # of ADVICE without a passphrase


@pytest.fixture
def someone(demo_site: Site, request: pytest.FixtureRequest) -> Someone:
    return sign_up(demo_site, request.node.name)


@pytest.fixture
def enter(
    demo_site: Site, open_page: Opener, someone: Someone
) -> Callable[..., tuple[WalletUser, Page]]:
    def enter(width: int = DESK_WIDTH, expected: tuple[str, ...] = ()) -> tuple[WalletUser, Page]:
        page = open_page(
            f"{demo_site.origin}/wallets/new",
            width=width,
            storage_state=someone.storage,
            expected=expected,
        )
        return WalletUser(page, demo_site.origin), page

    return enter


Entrance = Callable[..., tuple[WalletUser, Page]]


def test_creating(enter: Entrance, axe: Axe) -> None:
    person, page = enter(PHONE_WIDTH)
    walk = Walk(page, axe)
    walk.look("ways to a wallet")
    page.get_by_role("link", name="Create a wallet").click()
    walk.look("settings")
    person.go("/wallets/new/create")
    for box in page.locator("[name=purpose]").all():
        box.uncheck()
    page.get_by_role("button", name="Make the words").click()
    expect(page.locator("#purpose-error")).to_have_text("Choose at least one kind of account.")
    words = person.start_creating([84, 86], name="Savings")
    assert len(words) == 12
    walk.look("words shown")
    assert page.locator("[data-step=words] [data-copy]").count() == 0
    page.get_by_role("button", name="Hide the words").click()
    _require_absent(page, words)
    walk.look("words hidden")
    page.get_by_role("button", name="I have written them down").click()
    positions = person.asked_positions()
    assert positions == sorted(set(positions))
    for number in range(3):
        page.locator(f"#check-{number}").fill("nothing")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#check-0-error")).to_contain_text(f"This is not word {positions[0]}.")
    expect(page.locator("#check-0")).to_be_focused()
    walk.look("wrong words")
    page.get_by_role("button", name="Back to the words").click()
    person.check_words(words)
    _require_absent(page, words)
    page.locator("#password").fill("short")
    page.locator("#password-again").fill("short")
    expect(page.get_by_text("Weak: a computer could guess it.")).to_be_visible()
    page.get_by_role("button", name="Create the wallet").click()
    assert page.locator("#password").evaluate("input => input.validity.tooShort")
    page.locator("#password").fill(PASSWORD)
    expect(page.get_by_text("Strong.")).to_be_visible()
    page.get_by_role("button", name="Create the wallet").click()
    expect(page.locator("#password-again-error")).to_have_text("The two passwords differ.")
    walk.look("password")
    person.choose_password("Create the wallet")
    person.expect_wallet()
    expect(page.locator("h1")).to_have_text("Savings")
    _require_absent(page, words)
    walk.look("new wallet")
    walk.require_whole()


def test_creating_by_keyboard_alone(enter: Entrance) -> None:
    person, page = enter()
    press = page.keyboard.press

    def reach(control: Locator) -> None:
        control.wait_for(timeout=PATIENCE)
        for _ in range(80):
            if control.evaluate("element => element === document.activeElement"):
                return
            press("Tab")
        pytest.fail(f"Tab does not lead to {control}")

    def push(name: str) -> None:
        reach(page.get_by_role("button", name=name, exact=True))
        press("Enter")

    reach(page.get_by_role("link", name="Create a wallet"))
    press("Enter")
    reach(page.locator("[name=purpose][value='86']"))
    press("Space")
    push("Make the words")
    push("Show the words")
    words = page.locator("[data-words] li").all_text_contents()
    push("I have written them down")
    for number, position in enumerate(person.asked_positions()):
        reach(page.locator(f"#check-{number}"))
        page.keyboard.type(words[position - 1])
    press("Enter")
    for field in ("#password", "#password-again"):
        reach(page.locator(field))
        page.keyboard.type(PASSWORD)
    press("Enter")
    person.expect_wallet()


def _require_absent(page: Page, words: list[str]) -> None:
    """No run of them stands anywhere in the document."""
    text = page.evaluate("document.documentElement.outerHTML")
    assert not re.search(r"\W+".join(words[:3]), text)
    values = page.evaluate("[...document.querySelectorAll('input, textarea')].map(e => e.value)")
    assert not set(values) & set(words)


def test_restoring(enter: Entrance, axe: Axe) -> None:
    """By keyboard alone, and every mistake that words can have."""
    person, page = enter()
    walk = Walk(page, axe)
    person.go("/wallets/new/restore")
    page.locator("#word-1").focus()
    page.keyboard.type("lett")
    expect(page.locator("#word-1-list [role=option]")).to_have_text("letter")
    walk.look("completion")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#word-2")).to_be_focused()
    expect(page.locator("#word-1")).to_have_value("letter")
    page.keyboard.type("advise ")
    expect(page.locator("#word-2-error")).to_contain_text("“advise” is not in the list of words.")
    expect(page.locator("#word-3")).to_be_focused()
    for word in ADVICE[2:]:
        page.keyboard.type(f"{word} ")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Check the words").press("Enter")
    expect(page.locator("#word-2")).to_be_focused()
    page.locator("#word-2").fill("cage")
    page.get_by_role("button", name="Check the words").press("Enter")
    problem = page.locator("[data-form=words] [data-problem]")
    expect(problem).to_contain_text("together they are no wallet")
    walk.look("wrong checksum")
    page.locator("#language").select_option("french")
    expect(page.locator("#word-1-error")).to_contain_text("not in the list")
    page.locator("#language").select_option("english")
    page.locator("#word-2").fill("advice")
    page.locator("#word-7").fill("")
    page.get_by_role("button", name="Check the words").press("Enter")
    expect(page.locator("#word-7-error")).to_have_text("Word 7 is missing.")
    page.locator("#word-7").fill("acoustic")
    page.get_by_role("button", name="Check the words").press("Enter")
    shown = page.locator("[data-step=password] [data-fingerprint]")
    expect(shown).to_have_text(FINGERPRINT)
    person.choose_password("Continue")
    page.locator("[data-step=accounts]").wait_for(timeout=PATIENCE)
    expect(page.get_by_text("None of the usual accounts has been used")).to_be_visible()
    walk.look("accounts")
    page.get_by_role("button", name="Open the wallet").press("Enter")
    person.expect_wallet()
    person.expect_lock("unlocked")
    walk.require_whole()


def test_restoring_what_is_unusual(enter: Entrance) -> None:
    """A passphrase makes another wallet; a path of one's own is taken as it is."""
    person, page = enter()
    person.go("/wallets/new/restore")
    page.locator("#word-1").evaluate(
        """(input, text) => {
          const data = new DataTransfer();
          data.setData("text", text);
          input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        " ".join(ADVICE),
    )
    page.get_by_text("More: passphrase, path, height").click()
    page.locator("#passphrase").fill("TREZOR")
    page.locator("#path").fill("seven")
    page.get_by_role("button", name="Check the words").click()
    expect(page.locator("#path-error")).to_contain_text("seven")
    page.locator("#path").fill("m/84'/1'/7'")
    page.get_by_role("button", name="Check the words").click()
    assert page.locator("[data-step=password] [data-fingerprint]").text_content() != FINGERPRINT
    person.choose_password("Continue")
    person.expect_wallet()


def test_restoring_a_wallet_with_a_past(enter: Entrance) -> None:
    """Chen has lived in the demo for long: the kind of account is found, and what is in it."""
    person, page = enter()
    person.go("/wallets/new/restore")
    person.type_words(mnemonic_of(CHEN, SEED).split())
    page.get_by_role("button", name="Check the words").click()
    person.choose_password("Continue")
    page.locator("[data-step=accounts]").wait_for(timeout=PATIENCE)
    expect(page.get_by_text("have been used and are chosen")).to_be_visible()
    expect(page.locator("[data-type='84'] [data-found]")).to_be_visible()
    expect(page.locator("[data-type='44'] [data-found]")).to_be_hidden()
    ticked = page.locator("[name=purpose]:checked")
    expect(ticked).to_have_count(1)
    expect(ticked).to_have_value("84")
    page.get_by_role("button", name="Open the wallet").click()
    person.expect_wallet()
    expect(page.locator("#balance .stat-value").first).to_have_text(re.compile("[1-9]"))
    assert page.locator("#history tbody tr").count() > 5


def test_a_backup_and_its_return(enter: Entrance, axe: Axe, tmp_path: Path) -> None:
    person, page = enter(expected=("status of 400",))
    walk = Walk(page, axe)
    words = person.create([84], count="24")
    home = person.path
    person.go(f"{home}/backup")
    walk.look("backup")
    _type_checked(person, ["nothing"] * 24)
    person.give_password()
    expect(page.locator("#check-0-error")).to_contain_text("This is not word", timeout=PATIENCE)
    _type_checked(person, words)
    expect(page.get_by_text("These words are right.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the file").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert not any(word in file.read_text() for word in words if len(word) > 6)
    page.locator("#old-password").fill("something else")
    person.choose_password("Change the password", "another good password")
    expect(page.get_by_text("This is not the password")).to_be_visible(timeout=PATIENCE)
    page.locator("#old-password").fill(PASSWORD)
    person.choose_password("Change the password", "another good password")
    expect(page.get_by_text("The password is changed.")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("I have the words, and have checked them.").click()
    page.get_by_role("button", name="Forget the keys").click()
    person.expect_lock("missing")
    expect(page.get_by_text("The keys of this wallet are not in this browser")).to_be_visible()
    walk.look("keys are missing")
    page.get_by_role("link", name="from a backup file").click()
    page.locator("#file").set_input_files(file)
    page.locator("#password").fill("another good password")
    page.get_by_role("button", name="Open the file").click()
    problem = page.locator("[data-form=file] [data-problem]")
    expect(problem).to_contain_text("not the password", timeout=PATIENCE)  # made before the change
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Open the file").click()
    expect(page).to_have_url(re.compile(f"{home}$"), timeout=PATIENCE)
    person.expect_lock("unlocked")
    person.go("/wallets/new/import")
    page.locator("#file").set_input_files(Path(__file__))
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Open the file").click()
    expect(page.locator("[data-form=file] [data-problem]")).to_contain_text("no backup")
    walk.look("not a backup file")
    walk.require_whole()


def _type_checked(person: WalletUser, words: list[str]) -> None:
    for number, position in enumerate(person.asked_positions()):
        person.page.locator(f"#check-{number}").fill(words[position - 1])
    person.page.get_by_role("button", name="Check", exact=True).click()


def test_a_place_for_keys(enter: Entrance, someone: Someone) -> None:
    """Cleared, full, blocked: each is told at once, with what helps."""
    person, page = enter()
    wallet = make_known(someone, ABANDON)
    person.go(wallet.path)
    person.expect_lock("missing")
    person.restore_known(wallet)
    page.reload()
    person.expect_lock("locked")
    devtools = page.context.new_cdp_session(page)
    _clear(devtools, person.origin)
    page.reload()
    person.expect_lock("missing")
    expect(page.get_by_role("link", name="Restore it from its words")).to_be_visible()
    _limit(devtools, person.origin, 1)
    person.go("/wallets/new/restore")
    person.type_words(LEGAL)
    page.get_by_role("button", name="Check the words").click()
    person.choose_password("Continue")
    problem = page.locator("[data-form=password] [data-problem]")
    expect(problem).to_contain_text("This browser has no more room.", timeout=PATIENCE)
    _limit(devtools, person.origin, None)
    page.get_by_role("button", name="Continue").click()
    page.locator("[data-step=accounts]").wait_for(timeout=PATIENCE)
    page.context.route("**/static/worker-*.js", _without_storage)
    person.go("/wallets/new/create")
    told = page.get_by_text("This browser does not let pages keep anything")
    expect(told).to_be_visible()
    person.go(wallet.path)
    person.expect_lock("missing")


def _clear(devtools: CDPSession, origin: str) -> None:
    devtools.send(
        "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb,local_storage"}
    )


def _limit(devtools: CDPSession, origin: str, quota: int | None) -> None:
    limit = {} if quota is None else {"quotaSize": quota}
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, **limit})


def _without_storage(route: Route) -> None:
    """As where site data are blocked: Chromium then throws from open()."""
    response = route.fetch()
    refusing = "indexedDB.open = () => { throw new DOMException('blocked', 'SecurityError'); };"
    route.fulfill(response=response, body=refusing + response.text())


def test_without_script(demo_site: Site, open_page: Opener, someone: Someone) -> None:
    wallet = make_known(someone, ABANDON)
    url = f"{demo_site.origin}{wallet.path}"
    page = open_page(url, storage_state=someone.storage, javascript=False)
    expect(page.locator("noscript .callout")).to_contain_text("Keys are made and used in your")
    expect(page.locator("h1")).to_have_text("abandon's wallet")
    expect(page.locator("#history")).to_be_visible()
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    page.goto(f"{demo_site.origin}/wallets/new/create")
    expect(page.locator("noscript .callout")).to_contain_text("Keys are made and used in your")
    expect(page.locator("[data-page=create]")).to_be_hidden()
    page.goto(f"{demo_site.origin}/wallets/verify-message")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()


def test_the_first_load_is_light(enter: Entrance) -> None:
    """What a browser fetches for its first wallet page, worker included, travels in 200 kB."""
    person, page = enter()
    person.go("/wallets/new/create")
    page.locator("html[data-live]").wait_for(state="attached")
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(each => each.name.includes('worker-'))"
    )
    sizes = page.evaluate(
        """() => Object.fromEntries([
          ...performance.getEntriesByType("navigation"),
          ...performance.getEntriesByType("resource").filter(each => !each.name.includes("/live")),
        ].map(each => [new URL(each.name).pathname, each.encodedBodySize]))"""
    )
    print("\nfirst load of the wallet, compressed:", sizes, "together", sum(sizes.values()))
    assert len(sizes) >= 4
    assert 50_000 < sum(sizes.values()) <= 200_000
