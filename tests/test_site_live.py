"""Open pages follow a transaction from its arrival to its block, out of it and in again.

No page is loaded a second time: each keeps the mark that the test sets in its window.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import pytest
from coincurve import PrivateKey
from playwright.sync_api import Page, expect

from indexer.chain.address import address_of
from indexer.chain.encoding import TxOutput, hash_hex
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import Miner
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon
from tests.fixtures_site import Site, open_site
from wallet.builder import sign
from wallet.spending import p2wpkh
from webapp.config import EMBEDDED, Settings

Opener = Callable[..., Page]

PATIENCE = 30_000  # milliseconds: the machine may be busy with other tests
AMOUNT = 123_456_789
SHOWN = "1.23456789"
LAST_FIXED_HEIGHT = MWEB_HEIGHT + 8  # litecoind must not go back beyond it


class Chain(Protocol):
    """A payment that is signed but not yet sent, and what happens to it. Each step is indexed."""

    site: Site
    address: str
    txid: str

    def send(self) -> None: ...

    def mine(self) -> int:
        """Mine a block with all that waits; its height."""

    def reorganise(self) -> None:
        """The last block is no longer in the chain; what it held waits again."""


class EmbeddedChain:
    def __init__(self, site: Site, node: EmbeddedNode, miner: Miner) -> None:
        self.site, self._node, self._miner = site, node, miner
        payee = p2wpkh(PrivateKey(sha256(b"payee").digest())).script
        coin = miner.coins[0]
        change = TxOutput(coin.value - AMOUNT - 1_000, miner.spend.script)
        self._payment = sign([coin], [TxOutput(AMOUNT, payee), change])
        self.txid = hash_hex(self._payment.txid)
        address = address_of(payee, node.network)
        assert address is not None
        self.address = address

    def send(self) -> None:
        self._node.submit(self._payment.serialize())
        self.site.step()

    def mine(self) -> int:
        height = self._miner.mine().height
        self.site.step()
        return height

    def reorganise(self) -> None:
        self._node.reorganise(1, self._miner.spend.script)
        self.site.step()


class LitecoindChain:
    def __init__(self, site: Site, daemon: Daemon) -> None:
        self.site, self._daemon = site, daemon
        daemon.mine()  # so that the block to be taken back lies above the fixed ones
        assert daemon.height > LAST_FIXED_HEIGHT
        self.address = daemon.address(daemon.create_wallet("payee") and "payee", "bech32")
        blank = daemon.rpc("createrawtransaction", [], {self.address: SHOWN})
        funded = daemon.rpc("fundrawtransaction", blank, wallet="miner")["hex"]
        signed = daemon.rpc("signrawtransactionwithwallet", funded, wallet="miner")
        assert signed["complete"]
        self._payment = signed["hex"]
        self.txid = daemon.rpc("decoderawtransaction", self._payment)["txid"]
        site.step()

    def send(self) -> None:
        assert self._daemon.rpc("sendrawtransaction", self._payment) == self.txid
        self.site.step()

    def mine(self) -> int:
        self._daemon.mine()
        self.site.step()
        return self._daemon.height

    def reorganise(self) -> None:
        assert self._daemon.height > LAST_FIXED_HEIGHT + 1
        self._daemon.rpc("invalidateblock", self._daemon.rpc("getbestblockhash"))
        self.site.step()


@pytest.fixture
def embedded_chain(embedded_node: EmbeddedNode, miner: Miner, tmp_path: Path) -> Iterator[Chain]:
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED)
    for site in open_site(embedded_node, tmp_path, settings):
        yield EmbeddedChain(site, embedded_node, miner)


@pytest.fixture
def litecoind_chain(litecoin_site: Site, litecoind: Daemon) -> Chain:
    return LitecoindChain(litecoin_site, litecoind)


@dataclass
class OpenPages:
    """The home page, the payee's address and the transaction that does not exist yet."""

    home: Page
    address: Page
    tx: Page

    @classmethod
    def of(cls, chain: Chain, open_page: Opener) -> "OpenPages":
        origin = chain.site.origin
        pages = cls(
            open_page(origin),
            open_page(f"{origin}/address/{chain.address}"),
            open_page(f"{origin}/tx/{chain.txid}", expected=("status of 404",)),
        )
        for page in pages.all:
            page.locator("html[data-live=stream]").wait_for(state="attached", timeout=PATIENCE)
            page.evaluate("window.mark = 'never left'")
        return pages

    @property
    def all(self) -> tuple[Page, Page, Page]:
        return self.home, self.address, self.tx

    def require_never_left(self) -> None:
        assert [page.evaluate("window.mark") for page in self.all] == ["never left"] * 3


def test_on_the_embedded_chain(embedded_chain: Chain, open_page: Opener) -> None:
    follow_a_payment(embedded_chain, open_page)


def test_on_litecoind(litecoind_chain: Chain, open_page: Opener) -> None:
    follow_a_payment(litecoind_chain, open_page)


def follow_a_payment(chain: Chain, open_page: Opener) -> None:
    pages = OpenPages.of(chain, open_page)
    expect(pages.tx.locator("main")).to_contain_text("leave this page open")
    expect(pages.address.locator("main")).to_contain_text("Never used")
    chain.send()
    require_waiting(chain, pages)
    first = chain.mine()
    first_hash = chain.site.node.tip().hash
    require_confirmed(chain, pages, first)
    chain.reorganise()
    require_waiting(chain, pages)
    for page in pages.all:
        expect(page.locator("#status")).to_contain_text("1 block reorganised", timeout=PATIENCE)
    second = chain.mine()
    assert chain.site.node.block_hash(first) != first_hash
    require_confirmed(chain, pages, second)
    pages.require_never_left()


def require_waiting(chain: Chain, pages: OpenPages) -> None:
    badges = pages.tx.locator(".page-head .badges")
    expect(badges).to_contain_text("Unconfirmed", timeout=PATIENCE)
    expect(pages.tx.locator("#outputs")).to_contain_text(SHOWN)
    row = pages.address.locator(f"#history #tx-{chain.txid}")
    expect(row).to_contain_text("Unconfirmed", timeout=PATIENCE)
    expect(pages.address.locator(".stats")).to_contain_text(f"+{SHOWN}")
    line = pages.home.locator(f"#latest-transactions #tx-{chain.txid}")
    expect(line).to_be_visible(timeout=PATIENCE)


def require_confirmed(chain: Chain, pages: OpenPages, height: int) -> None:
    badges = pages.tx.locator(".page-head .badges")
    expect(badges).to_contain_text("1 confirmation", timeout=PATIENCE)
    expect(pages.tx.locator("#proof")).to_contain_text("Verified")
    row = pages.address.locator(f"#history #tx-{chain.txid}")
    expect(row).to_contain_text(str(height), timeout=PATIENCE)
    expect(pages.address.locator(".stats")).not_to_contain_text(f"+{SHOWN}")
    expect(pages.address.locator("#coins")).to_contain_text(SHOWN)
    expect(pages.home.locator("h1")).to_have_text(f"Block {height}", timeout=PATIENCE)
