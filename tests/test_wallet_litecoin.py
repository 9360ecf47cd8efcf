"""Wallets on a real daemon's chain, through the pages: sent by our CoreNode, bumped, and signed by
litecoind where the wallet only watches."""

from pathlib import Path
from typing import Any

import pytest

from indexer.chain.address import script_of
from indexer.chain.encoding import hash_hex
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import Daemon, NewDaemon
from tests.fixtures_site import Site, open_site
from tests.test_wallet_send import HTML, SCRIPT, form, make_draft, send, txid_of
from tests.wallet_people import Person, settle
from wallet.keys import Branch, Purpose
from wallet.psbt import parse_psbt
from webapp.config import Settings

COIN = 100_000_000


def _funded(site: Site, daemon: Daemon, name: str, purpose: Purpose, **more: Any) -> Person:
    """With two coins: 1 and 0.25."""
    person = settle(site, f"{name} {purpose.name} {daemon.height}", purpose, **more)
    for index, amount in enumerate((1, 0.25)):
        daemon.send(person.address(index=index), amount)
    daemon.mine()
    site.step()
    return person


def _waiting(daemon: Daemon, txid: bytes) -> dict[str, Any]:
    """What the daemon says of a transaction in its mempool."""
    entry: dict[str, Any] = daemon.rpc("getmempoolentry", hash_hex(txid))
    return entry


def _fee(daemon: Daemon, txid: bytes) -> int:
    return round(_waiting(daemon, txid)["fees"]["base"] * COIN)


def _require_mined(site: Site, daemon: Daemon, txid: bytes) -> None:
    (block,) = daemon.mine()
    site.step()
    assert hash_hex(txid) in daemon.rpc("getblock", block)["tx"]


def _pay(person: Person, to: str, amount: str, rate: str) -> bytes:
    return txid_of(send(person, make_draft(person, form(to, amount, fee="rate", rate=rate))))


def _draft_to_raise(person: Person, txid: bytes, way: str, rate: str) -> str:
    """The path of a draft that raises a fee."""
    path = person.path(f"/tx/{hash_hex(txid)}/raise")
    answer = person.client.post(path, data={"way": way, "rate": rate}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def _raise_fee(person: Person, txid: bytes, way: str, rate: str) -> bytes:
    return txid_of(send(person, _draft_to_raise(person, txid, way, rate)))


def test_a_payment_is_sent_paid_for_by_a_child_and_mined(
    litecoin_site: Site, litecoind: Daemon
) -> None:
    lia = _funded(litecoin_site, litecoind, "Lia", Purpose.P2WPKH)
    to = litecoind.address()
    paid = _pay(lia, to, "1.1", "12.5")
    first = _waiting(litecoind, paid)
    assert 12.5 <= _fee(litecoind, paid) / first["vsize"] < 12.8
    litecoin_site.step()
    # Litecoin's nodes take no replacements unless they are told to, and that is said.
    draft = _draft_to_raise(lia, paid, "bump", "40")
    refused = send(lia, draft)
    assert refused.status_code == 503
    assert "This node takes no replacements" in refused.text
    lia.client.post(f"{draft}/abandon", headers=HTML)
    child = _raise_fee(lia, paid, "cpfp", "40")
    entry = _waiting(litecoind, child)
    assert entry["ancestorcount"] == 2
    assert 40 <= round(entry["fees"]["ancestor"] * COIN) / entry["ancestorsize"] < 40.8
    _require_mined(litecoin_site, litecoind, child)
    history = lia.client.get(lia.path("/history.csv")).text
    assert hash_hex(paid) in history
    assert hash_hex(child) in history
    received = litecoind.rpc("getreceivedbyaddress", to, wallet="miner")
    assert round(received * COIN) == 110_000_000


def test_a_node_that_takes_replacements_takes_ours(
    new_litecoind: NewDaemon, tmp_path: Path
) -> None:
    """By the rules of Core 0.21: signalled, and each unit above the least counts."""
    daemon = new_litecoind("mempoolreplacement=1")
    daemon.start()
    daemon.create_wallet("miner")
    daemon.mine(101)
    node = CoreNode(daemon.network, daemon.url, cookie_file=daemon.cookie_file)
    settings = Settings(
        network=daemon.network.name, node_url=daemon.url, node_cookie_file=daemon.cookie_file
    )
    for site in open_site(node, tmp_path, settings):
        lia = _funded(site, daemon, "Lia", Purpose.P2WPKH)
        old = _pay(lia, daemon.address(), "1.1", "12.5")
        site.step()
        old_fee = _fee(daemon, old)
        least = _raise_fee(lia, old, "bump", "1")
        assert daemon.rpc("getrawmempool") == [hash_hex(least)]
        relay = _waiting(daemon, least)["vsize"]  # at 1 litoshi/vB
        assert _fee(daemon, least) == old_fee + relay
        site.step()
        home = _raise_fee(lia, least, "cancel", "40")
        assert daemon.rpc("getrawmempool") == [hash_hex(home)]
        _require_mined(site, daemon, home)
    node.close()


@pytest.mark.parametrize("purpose", [Purpose.P2PKH, Purpose.P2WPKH])
def test_litecoind_signs_for_a_wallet_that_only_watches(
    litecoin_site: Site, litecoind: Daemon, purpose: Purpose
) -> None:
    """Its keys are in the daemon; the pages export the PSBT and take back what it signed."""
    wil = _funded(litecoin_site, litecoind, "Wil", purpose, kind="watch")
    signer = f"cold {purpose.name} {litecoind.height}"
    litecoind.rpc("createwallet", signer, False, True)
    descriptors = (wil.descriptor.receive_text, wil.descriptor.change_text)
    for branch, text in zip(Branch, descriptors, strict=True):
        private = text.split("#")[0].replace(_account_xpub(wil), wil.account.node.xprv)
        checked = litecoind.rpc("getdescriptorinfo", private)["checksum"]
        request = {
            "desc": f"{private}#{checked}",
            "range": [0, 20],
            "timestamp": "now",
            "internal": branch is Branch.CHANGE,
        }
        (answer,) = litecoind.rpc("importmulti", [request], wallet=signer)
        assert answer["success"], answer
    url = make_draft(wil, form(litecoind.address(), "1.2", fee="rate", rate="10"))
    psbt = wil.client.get(f"{url}/signing", headers=SCRIPT).json["psbt"]
    answer = litecoind.rpc("walletprocesspsbt", psbt, wallet=signer)
    assert answer["complete"]
    made = wil.client.post(f"{url}/signed", json={"psbt": answer["psbt"]}, headers=SCRIPT)
    txid = txid_of(made)
    change = [
        output
        for output in parse_psbt(psbt, wil.network).tx.outputs
        if output.script == script_of(wil.address(Branch.CHANGE), wil.network)
    ]
    assert len(change) == 1
    assert 10 <= _fee(litecoind, txid) / _waiting(litecoind, txid)["vsize"] < 10.3
    _require_mined(litecoin_site, litecoind, txid)


def _account_xpub(person: Person) -> str:
    return person.account.node.xpub
