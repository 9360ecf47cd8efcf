"""A person at wallet pages in Chromium: makes, restores, unlocks and locks wallets by clicking."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from indexer.chain.address import address_of
from tests.fixtures_site import Site
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.seed import seed_of_words
from webapp.accounts.users import User, add_user
from webapp.wallets.store import NewAccount, NewWallet, create_wallet

PASSWORD = "correct horse battery"
PATIENCE = 20_000  # milliseconds, for what derives a key from a password on a busy machine


@dataclass(frozen=True)
class Someone:
    """A user of a site, and `storage`: of a browser in which they are signed in."""

    site: Site
    user: User
    storage: dict[str, Any]

    @property
    def client(self) -> FlaskClient:
        """Without a browser, in the same session."""
        client = self.site.app.test_client()
        for cookie in self.storage["cookies"]:
            client.set_cookie(cookie["name"], cookie["value"])
        return client


def sign_up(site: Site, name: str) -> Someone:
    """A new user of this name."""
    with site.app.extensions["satchel"].accounts.write() as connection:
        user = add_user(connection, name, None)
    client = site.app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = user.get_id()
    cookie = next(each for each in client._cookies.values() if "session" in each.key)
    kept = {
        "name": cookie.key,
        "value": cookie.value,
        "domain": "127.0.0.1",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": False,
        "sameSite": "Strict",
    }
    return Someone(site, user, {"cookies": [kept], "origins": []})


@dataclass(frozen=True)
class KnownWallet:
    """A wallet that the server knows; its keys are in no browser yet."""

    words: list[str]
    path: str
    descriptors: dict[Purpose, Descriptor]

    def address(self, index: int = 0, purpose: Purpose = Purpose.P2WPKH) -> str:
        descriptor = self.descriptors[purpose]
        script = descriptor.scripts(Branch.RECEIVE, index, 1)[0]
        address = address_of(script, descriptor.network)
        assert address is not None
        return address


def make_known(
    someone: Someone, words: list[str], purposes: Sequence[Purpose] = (Purpose.P2WPKH,)
) -> KnownWallet:
    """What the server keeps of the wallet with these words."""
    network = someone.site.node.network
    master = KeyNode.master(seed_of_words(" ".join(words)), network)
    descriptors = {}
    for purpose in purposes:
        account = Account(master, network, purpose)
        descriptors[purpose] = Descriptor.of_account(
            purpose, account.node.xpub, master.fingerprint, account.path.replace("'", "h"), network
        )
    accounts = tuple(NewAccount(purpose, 0, each) for purpose, each in descriptors.items())
    fingerprint = master.fingerprint.hex()
    new = NewWallet(f"{words[0]}'s wallet", "vault", fingerprint, 0, accounts)
    with someone.site.app.extensions["satchel"].accounts.write() as connection:
        number = create_wallet(connection, someone.user.id, network, new)
    return KnownWallet(words, f"/wallets/{number}", descriptors)


@dataclass
class WalletUser:
    """`page` is of a browser that is signed in."""

    page: Page
    origin: str

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.origin)

    # Making wallets

    def start_creating(self, purposes: Sequence[int] = (84,), **settings: str) -> list[str]:
        """Up to the words, which are returned and shown."""
        page = self.page
        self.go("/wallets/new/create")
        for purpose in (44, 49, 84, 86):
            box = page.locator(f"[name=purpose][value='{purpose}']")
            box.set_checked(purpose in purposes)
        if settings:
            page.get_by_text("More: number and language").click()
        for name, value in settings.items():
            control = page.locator(f"#{name.replace('_', '-')}")
            if control.evaluate("element => element.localName") == "select":
                control.select_option(value)
            else:
                control.fill(value)
        page.get_by_role("button", name="Make the words").click()
        page.get_by_role("button", name="Show the words").click()
        return page.locator("[data-words] li").all_text_contents()

    def check_words(self, words: Sequence[str]) -> None:
        """From the words to the password, by way of re-entering three of them."""
        self.page.get_by_role("button", name="I have written them down").click()
        for number, position in enumerate(self.asked_positions()):
            self.page.locator(f"#check-{number}").fill(words[position - 1])
        self.page.get_by_role("button", name="Check", exact=True).click()
        self.page.locator("#password").wait_for()

    def asked_positions(self) -> list[int]:
        shown = self.page.locator("[data-form=check] [data-position]").all_text_contents()
        return [int(text) for text in shown]

    def choose_password(self, button: str, password: str = PASSWORD) -> None:
        self.page.locator("#password").fill(password)
        self.page.locator("#password-again").fill(password)
        self.page.get_by_role("button", name=button).click()

    def create(self, purposes: Sequence[int] = (84,), **settings: str) -> list[str]:
        """A new wallet, open and unlocked; its words."""
        words = self.start_creating(purposes, **settings)
        self.check_words(words)
        self.choose_password("Create the wallet")
        self.expect_wallet()
        return words

    def type_words(self, words: Sequence[str]) -> None:
        if len(words) != 12:
            self.page.locator("#count").select_option(str(len(words)))
        for number, word in enumerate(words, 1):
            self.page.locator(f"#word-{number}").fill(word)

    def restore(self, words: Sequence[str], purposes: Sequence[int] | None = None) -> None:
        """A wallet from its words, open and unlocked, with the accounts that are ticked already or
        with these."""
        self.go("/wallets/new/restore")
        self.type_words(words)
        self.page.get_by_role("button", name="Check the words").click()
        self.choose_password("Continue")
        self.page.locator("[data-step=accounts]").wait_for(timeout=PATIENCE)
        for purpose in purposes or ():
            self.page.locator(f"[name=purpose][value='{purpose}']").check()
        self.page.get_by_role("button", name="Open the wallet").click()
        self.expect_wallet()

    def restore_known(self, wallet: KnownWallet) -> None:
        """The keys of a wallet that this person has already; its page is open, and unlocked."""
        self.go("/wallets/new/restore")
        self.type_words(wallet.words)
        self.page.get_by_role("button", name="Check the words").click()
        self.choose_password("Continue")
        self.expect_wallet()
        self.expect_lock("unlocked")

    def expect_wallet(self) -> None:
        expect(self.page).to_have_url(re.compile(r"/wallets/\d+$"), timeout=PATIENCE)
        self.page.locator(".wallet-head").wait_for(timeout=PATIENCE)

    # Locking

    def expect_lock(self, state: str) -> None:
        """state: locked, unlocked, missing or watch; of the wallet whose page is open."""
        expect(self.page.locator("html")).to_have_attribute("data-lock", state, timeout=PATIENCE)

    def give_password(self, password: str = PASSWORD) -> None:
        """To the dialog, which is open or about to be."""
        field = self.page.locator("#unlock-password")
        expect(field).to_be_focused(timeout=PATIENCE)
        field.fill(password)
        self.page.keyboard.press("Enter")

    def unlock(self) -> None:
        self.page.get_by_role("button", name="Unlock", exact=True).first.click()
        self.give_password()
        self.expect_lock("unlocked")

    def lock(self) -> None:
        self.page.locator(".lock-chip").click()
        expect(self.page.locator("html")).not_to_have_attribute("data-any-unlocked", "")
