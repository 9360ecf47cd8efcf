"""The demo's faucet gives a fixed amount, says so when it is empty, and is filled again."""

import pytest

from indexer.chain.script import p2wpkh
from indexer.node.embedded import EmbeddedNode
from indexer.queries.scripts import pending_totals
from tests.fixtures_clients import followed
from tests.fixtures_site import Site
from webapp.context import connection
from webapp.demo import faucet
from webapp.demo.economy import Economy

COINS = 20


def _give(site: Site, script: bytes) -> bytes:
    with site.app.test_request_context():
        return faucet.give(connection(), site.node.network, script)


def test_gifts_arrive_until_it_is_empty_and_the_economy_fills_it_again(live_site: Site) -> None:
    script = p2wpkh(b"\x21" * 20)
    with followed(live_site):
        txids = {_give(live_site, script) for _ in range(COINS)}
        assert len(txids) == COINS
        with pytest.raises(faucet.FaucetEmptyError):
            _give(live_site, script)
        with live_site.database.read() as sql:
            assert pending_totals(sql, script).received == COINS * faucet.GIFT

    assert isinstance(live_site.node, EmbeddedNode)
    economy = Economy(live_site.node)
    economy.resume()
    economy.fill_faucet()
    live_site.step()
    assert _give(live_site, script) not in txids
