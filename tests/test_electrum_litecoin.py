"""The Electrum server on a real Litecoin chain with MWEB, against the daemon's own words."""

from collections.abc import Iterator
from typing import Any

import pytest

from indexer.chain.wire import hash_hex
from tests.books import Books
from tests.electrum_client import ElectrumClient
from tests.fixtures_electrum import electrum_server
from tests.fixtures_litecoind import Daemon
from tests.fixtures_site import Site
from tests.test_electrum_answers import compare_details, root_of, scripthash, status_of
from webapp.electrum.limits import Limits

SAID_OF_OUTPUTS = {"reqSigs", "addresses", "address"}


@pytest.fixture(scope="module")
def client(litecoin_site: Site) -> Iterator[ElectrumClient]:
    litecoin_site.step()
    limits = Limits(cost_per_second=1e9)
    with (
        electrum_server(litecoin_site, limits=limits) as running,
        ElectrumClient(running.port) as client,
    ):
        client.call("server.version", "tester", "1.6")
        yield client


def test_transactions_in_the_words_of_the_daemon(
    client: ElectrumClient, litecoind: Daemon, litecoin_site: Site
) -> None:
    """All of the last blocks, whatever they are; what only the daemon can say is left out."""
    tip = litecoin_site.node.tip().height
    kinds = set()
    for height in range(tip - 12, tip + 1):
        block = litecoind.rpc("getblock", litecoind.rpc("getblockhash", height), 1)
        for position, txid in enumerate(block["tx"]):
            told = client.call("blockchain.transaction.get", txid, True)
            said = litecoind.rpc("getrawtransaction", txid, 1, block["hash"])
            said.pop("in_active_chain")
            assert told["hex"] == client.call("blockchain.transaction.get", txid)
            for output in said["vout"]:
                kinds.add(output["scriptPubKey"]["type"])
                addresses = output["scriptPubKey"].get("addresses", [])
                if len(addresses) == 1 and output["scriptPubKey"]["type"] != "pubkey":
                    assert told["vout"][output["n"]]["scriptPubKey"]["address"] == addresses[0]
            assert comparable(told) == comparable(said)
            proof = client.call("blockchain.transaction.get_merkle", txid, height)
            assert proof["pos"] == position
            root = root_of(bytes.fromhex(txid)[::-1], position, proof["merkle"])
            assert hash_hex(root) == block["merkleroot"]
    assert "witness_mweb_hogaddr" in kinds


def comparable(said: dict[str, Any]) -> dict[str, Any]:
    for each in [*said["vin"], *said["vout"]]:
        assert not each.pop("ismweb", False)  # those in a block's transactions never are
    for output in said["vout"]:
        for name in SAID_OF_OUTPUTS:
            output["scriptPubKey"].pop(name, None)
    for each in said["vin"]:
        if "scriptSig" in each:  # the daemon names the sighash of what looks like a signature
            each["scriptSig"]["asm"] = each["scriptSig"]["asm"].replace("[ALL]", "01")
    return said


def test_scripts(client: ElectrumClient, litecoin_site: Site) -> None:
    books = Books(litecoin_site.node)
    for script, account in books.accounts.items():
        name = scripthash(script)
        assert client.call("blockchain.scripthash.subscribe", name) == status_of(account)
        compare_details(client, name, account)
