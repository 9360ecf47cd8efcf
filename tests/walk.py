"""A walk through the site as a person takes it: one address is opened, the rest is clicks.

At each stop the page has to be whole: the expected status, one heading, nothing wider than the
window, nothing that axe objects to, in the light and in the dark. What is wrong is collected, so
that one walk tells all.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response, expect

from indexer.chain.encoding import Transaction, hash_hex, parse_block
from indexer.chain.script import classify
from indexer.chain.spend import explain_input
from indexer.node.base import Node
from tests.fixtures_browser import Axe

MANY_OUTPUTS = 50
DISCLOSURES = 4  # opened on one page: more of the same tell nothing new


@dataclass(frozen=True, slots=True)
class Sight:
    """A transaction worth seeing: where it stands, and how one gets there from its block."""

    height: int
    position: int
    txid: str


def find_sights(node: Node) -> dict[str, Sight]:
    """The newest transaction with each kind of output ("out p2wsh") and input ("in p2tr-script").

    Also "coinbase", "hogex", "hogex with n inputs", "batch" and "data <hex of an OP_RETURN>".
    """
    sights: dict[str, Sight] = {}
    scripts: dict[tuple[bytes, int], bytes] = {}
    for height in range(node.tip().height + 1):
        block = parse_block(node.block(node.block_hash(height)), node.network)
        for position, tx in enumerate(block.transactions):
            sight = Sight(height, position, hash_hex(tx.txid))
            sights.update(dict.fromkeys(_kinds(tx, scripts, node), sight))
            scripts |= {(tx.txid, vout): out.script for vout, out in enumerate(tx.outputs)}
    return sights


def _kinds(tx: Transaction, scripts: dict[tuple[bytes, int], bytes], node: Node) -> set[str]:
    kinds = {f"out {classify(output.script, node.network)}" for output in tx.outputs}
    kinds |= {
        f"data {output.script.hex()}"
        for output in tx.outputs
        if classify(output.script, node.network) == "op_return"
    }
    if len(tx.outputs) >= MANY_OUTPUTS:
        kinds.add("batch")
    if tx.is_coinbase:
        return kinds | {"coinbase"}
    if tx.is_hogex:
        kinds |= {"hogex", f"hogex with {len(tx.inputs)} inputs"}
    for each in tx.inputs:
        prevout = scripts[each.prev_txid, each.prev_vout]
        kinds.add(f"in {explain_input(prevout, each.script_sig, each.witness).kind}")
    return kinds


@dataclass
class Walk:
    """`page` has the home page open, in English."""

    page: Page
    axe: Axe
    faults: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.page.url))
        self.page.on("dialog", self._on_dialog)
        self.page.on("response", self._on_response)
        self._missing: list[str] = []

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.origin)

    # Moving about

    def click(self, target: Locator, status: int = 200) -> None:
        """Click what leads to another page, and expect it there."""
        with self.page.expect_navigation() as navigation:
            target.first.click()
        response: Response = navigation.value
        if response.status != status:
            self.fault(f"status {response.status}, not {status}")
        missing = [each for each in self._missing if each != response.url]
        self._missing.clear()
        if missing:
            self.fault(f"asked for what is not there: {missing}")

    def link(self, name: str, *, within: str = "main", status: int = 200) -> None:
        self.click(self.page.locator(within).get_by_role("link", name=name), status)

    def section(self, name: str) -> None:
        """By the navigation at the top."""
        self.click(self.page.locator("header nav").get_by_role("link", name=name))

    def home(self) -> None:
        self.click(self.page.locator("header .brand"))

    def back(self) -> None:
        self.page.go_back()

    def block_at(self, height: int) -> None:
        """By the list of blocks, and its field for a height."""
        self.section("Blocks")
        self.page.get_by_label("Height").fill(str(height))
        self.click(self.page.get_by_role("button", name="Go to height"))
        row = self.page.locator("tr:not(.is-stale)", has_text=f"{height:,}")
        self.click(row.locator("a[href^='/block/']"))

    def transaction(self, sight: Sight) -> None:
        """By its block, and that one's list of transactions."""
        self.block_at(sight.height)
        line = self.page.locator(f"#tx-{sight.txid} a")
        while not line.count():
            self.click(self.page.locator("#transactions a[rel=next]"))
        self.click(line)
        expect(self.page.locator("h1")).to_have_text("Transaction")

    def search(self, text: str, status: int = 200) -> None:
        """Type into the box at the top and press Enter."""
        self.page.keyboard.press("/")
        self.page.locator("#search-input").fill(text)
        with self.page.expect_navigation() as navigation:
            self.page.keyboard.press("Enter")
        if navigation.value.status != status:
            self.fault(f"status {navigation.value.status}, not {status}")
        self._missing.clear()

    def prefer(self, choice: str) -> None:
        """By the menu of preferences."""
        self.page.locator("header details.menu > summary").click()
        self.click(self.page.locator(".menu-panel").get_by_role("button", name=choice, exact=True))

    def open_disclosures(self) -> None:
        """The first few of a page: what they hide has to be whole as well."""
        closed = self.page.locator("main details:not([open]) > summary:visible")
        for _ in range(min(DISCLOSURES, closed.count())):
            closed.first.click()

    # Looking

    def look(self, name: str) -> None:
        """A stop: whatever is wrong with the page as it stands is a fault."""
        self.stops.append(name)
        page = self.page
        if page.locator("h1").count() != 1:
            self.fault("not one heading")
        width = page.viewport_size["width"] if page.viewport_size else 0
        if page.evaluate("document.documentElement.scrollWidth") > width:
            self.fault(f"wider than the window: {page.evaluate(WIDEST)}")
        for violation in self.axe(page):
            self.fault(f"light: {violation}")
        page.emulate_media(color_scheme="dark")
        for violation in self.axe(page, "color-contrast"):
            self.fault(f"dark: {violation}")
        page.emulate_media(color_scheme="light")

    def fault(self, text: str) -> None:
        stop = self.stops[-1] if self.stops else "start"
        self.faults.append(f"{stop} ({self.path}): {text}")

    def require_whole(self) -> None:
        assert self.faults == [], "\n".join(self.faults)
        assert self.dialogs == []

    def _on_dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._missing.append(response.url)


# What sticks out of the window, for the report.
WIDEST = """
[...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 4)
  .map((element) => `${element.tagName}#${element.id}.${element.className}`)
"""
