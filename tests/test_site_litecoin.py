"""The site on litecoind's chain past MWEB activation: every page, and each amount the daemon's."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from indexer.check import check
from tests.fixtures_browser import DESK_WIDTH, PHONE_WIDTH, Axe
from tests.fixtures_litecoind import COIN, MWEB_HEIGHT, Daemon
from tests.fixtures_site import Site
from tests.walk import Sight, Walk, find_sights

Sights = dict[str, Sight]
Outpoint = tuple[str, int]

PEG_IN, BALANCE, PEG_OUT = "MWEB peg-in", "MWEB balance", "Peg-out"
PEG_OUT_HEIGHT = MWEB_HEIGHT + 3
LAST_FIXED_HEIGHT = MWEB_HEIGHT + 8

READ_PARTS = """
parts => parts.map((part) => ({
  amount: part.querySelector(".part-amount .amount").textContent,
  names: [...part.querySelectorAll(".part-main a, .badge")].map((name) => name.textContent),
}))
"""
READ_STATS = """
stats => Object.fromEntries(stats.map((stat) => [
  stat.querySelector(".stat-label").textContent,
  stat.querySelector(".stat-value").textContent.trim(),
]))
"""


@pytest.fixture
def waiting(litecoin_site: Site, litecoind: Daemon) -> Site:
    """The site with two peg-ins and a payment in its mempool."""
    litecoind.peg_in(2)
    litecoind.send(litecoind.address(), 0.5)
    litecoin_site.step()
    return litecoin_site


@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
def test_every_page_by_clicking(
    waiting: Site, open_page: Callable[..., Page], axe: Axe, width: int
) -> None:
    sights = find_sights(waiting.node)
    page = open_page(waiting.origin, width=width, expected=("status of 404",))
    walk = Walk(page, axe)
    walk.look("home")
    walk.link("All blocks")
    walk.look("blocks")
    walk.block_at(MWEB_HEIGHT)
    walk.open_disclosures()
    walk.look("activation block")
    _inside_and_out(walk, sights)
    walk.transaction(sights["coinbase"])
    walk.look("coinbase")
    walk.section("Mempool")
    walk.open_disclosures()
    walk.look("mempool")
    walk.click(page.locator("#recent tr", has_text="MWEB").locator("a"))
    expect(page.locator("main")).to_contain_text("Moves coins into MWEB")
    walk.look("waiting peg-in")
    walk.section("Node")
    expect(page.locator("main")).to_contain_text("Litecoin Core")
    walk.look("node")
    walk.search("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", status=404)
    walk.look("address of another network")
    walk.home()
    walk.prefer("litoshi")
    expect(page.locator("main .amount .unit").first).to_have_text("litoshi")
    walk.look("home in litoshi")
    walk.require_whole()


def _inside_and_out(walk: Walk, sights: Sights) -> None:
    page = walk.page
    walk.transaction(sights["hogex with 4 inputs"])
    expect(page.locator("#inputs .part", has_text=PEG_IN)).to_have_count(3)
    expect(page.locator("#inputs .part", has_text=BALANCE)).to_have_count(1)
    walk.open_disclosures()
    walk.look("HogEx with peg-ins")
    walk.click(page.locator("#inputs #in-1 a[href^='/tx/']"))
    expect(page.locator("main")).to_contain_text("Moves coins into MWEB")
    walk.open_disclosures()
    walk.look("peg-in")
    walk.click(page.locator("#outputs a[href^='/script/']", has_text=PEG_IN))
    walk.look("script of a peg-in")
    walk.block_at(PEG_OUT_HEIGHT)
    walk.click(page.locator("#transactions tr", has_text="HogEx").locator("a[href^='/tx/']"))
    walk.look("HogEx with a peg-out")
    walk.click(page.locator("#outputs a[href^='/script/']", has_text=BALANCE))
    walk.look("script of the balance")
    walk.back()
    walk.click(page.locator("#outputs .part", has_text=PEG_OUT).locator("a[href^='/address/']"))
    walk.look("address paid by a peg-out")


class Said:
    """The daemon's own words on the blocks past activation; amounts as it writes them."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        hashes = [daemon.rpc("getblockhash", height) for height in range(LAST_FIXED_HEIGHT + 1)]
        self._blocks = [daemon.rpc("getblock", each, 2) for each in hashes]
        self.outputs: dict[Outpoint, dict[str, Any]] = {
            (tx["txid"], output["n"]): output
            for block in self._blocks
            for tx in block["tx"]
            for output in tx["vout"]
        }

    def block(self, height: int) -> dict[str, Any]:
        found: dict[str, Any] = self._blocks[height]
        return found

    def stats(self, height: int) -> dict[str, Any]:
        found: dict[str, Any] = self._daemon.rpc("getblockstats", height)
        return found

    def spent(self, tx: dict[str, Any]) -> list[dict[str, Any]]:
        return [self.outputs[each["txid"], each["vout"]] for each in tx["vin"]]

    def fee(self, tx: dict[str, Any]) -> Decimal:
        spent = sum(coins(each["value"]) for each in self.spent(tx))
        return Decimal(spent - sum(coins(each["value"]) for each in tx["vout"]))


def coins(value: float) -> Decimal:
    """An amount of an RPC answer, to the last unit."""
    return Decimal(str(value)).quantize(Decimal("0.00000001"))


def from_units(value: int) -> Decimal:
    return (Decimal(value) / COIN).quantize(Decimal("0.00000001"))


def shown(text: str) -> Decimal:
    """An amount as pages write it."""
    number, unit = text.split()
    assert unit == "LTC"
    return Decimal(number.replace(",", ""))


def test_every_amount_and_fee_is_the_daemons(
    litecoin_site: Site, litecoind: Daemon, open_page: Callable[..., Page]
) -> None:
    said = Said(litecoind)
    litecoin_site.step()
    page = open_page(litecoin_site.origin)
    peg_ins = peg_outs = 0
    for height in range(MWEB_HEIGHT - 1, LAST_FIXED_HEIGHT + 1):
        block = said.block(height)
        page.goto(f"{litecoin_site.origin}/block/{block['hash']}")
        _compare_block(page, block, said.stats(height))
        for tx in block["tx"]:
            page.goto(f"{litecoin_site.origin}/tx/{tx['txid']}")
            inputs, outputs = _compare_transaction(page, tx, said)
            if tx is block["tx"][-1] and height >= MWEB_HEIGHT:
                _compare_hogex(tx, said, inputs, outputs)
                assert shown(_stats(page)["Fee"]) == _kernel_fees(block)
                peg_ins += len(tx["vin"]) - (height > MWEB_HEIGHT)
                peg_outs += len(tx["vout"]) - 1
    assert peg_ins >= 6
    assert peg_outs >= 1


def _compare_block(page: Page, block: dict[str, Any], stats: dict[str, Any]) -> None:
    figures = _stats(page)
    assert shown(figures["Fees"]) == from_units(stats["totalfee"])
    assert shown(figures["Amount moved"]) == from_units(stats["total_out"])
    reward = sum(coins(output["value"]) for output in block["tx"][0]["vout"])
    assert shown(figures["Reward"]) == reward
    assert reward == from_units(stats["subsidy"] + stats["totalfee"])
    assert figures["Transactions"] == str(block["nTx"])


def _compare_transaction(
    page: Page, tx: dict[str, Any], said: Said
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    figures = _stats(page)
    assert figures["Size"] == f"{tx['vsize']:,} vB"
    outputs = page.locator("#outputs .part").evaluate_all(READ_PARTS)
    paid = [coins(output["value"]) for output in tx["vout"]]
    assert [shown(each["amount"]) for each in outputs] == paid
    assert shown(figures["Amount"]) == sum(paid)
    if "coinbase" in tx["vin"][0]:
        return [], outputs
    inputs = page.locator("#inputs .part").evaluate_all(READ_PARTS)
    spent = [coins(output["value"]) for output in said.spent(tx)]
    assert [shown(each["amount"]) for each in inputs] == spent
    assert shown(figures["Fee"]) == said.fee(tx)
    return inputs, outputs


def _compare_hogex(
    tx: dict[str, Any], said: Said, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]
) -> None:
    """Each part is called what litecoind calls it."""
    names = {"witness_mweb_pegin": PEG_IN, "witness_mweb_hogaddr": BALANCE}
    for spent, part in zip(said.spent(tx), inputs, strict=True):
        assert names[spent["scriptPubKey"]["type"]] in part["names"]
    assert BALANCE in outputs[0]["names"]
    assert all(PEG_OUT in part["names"] for part in outputs[1:])


def _kernel_fees(block: dict[str, Any]) -> Decimal:
    return from_units(sum(kernel["fee"] for kernel in block["mweb"]["kernels"]))


def _stats(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.locator("main .stats .stat").evaluate_all(READ_STATS)
    return found


def test_the_index_is_what_the_daemons_blocks_say(litecoin_site: Site) -> None:
    litecoin_site.step()
    result = check(litecoin_site.database, litecoin_site.node)
    assert result.ok, str(result)
    assert result.aggregates
    assert result.blocks == litecoin_site.node.tip().height + 1
