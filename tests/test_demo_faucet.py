"""The demo's faucet gives a fixed amount, says so when it is empty, and is filled again."""

import pytest

from indexer.chain.script import p2wpkh
from indexer.node.embedded import EmbeddedNode
from indexer.queries.scripts import pending_totals
from tests.fixtures_clients import followed
from tests.fixtures_site import Site
from tests.wallet_people import settle
from wallet.keys import Branch
from webapp.context import connection
from webapp.demo import faucet
from webapp.demo.economy import Economy

COINS = 20
FROM_A_PAGE = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


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


def test_a_wallet_is_given_coins_a_few_times_a_minute(live_site: Site) -> None:
    ann = settle(live_site, "Ann")
    with followed(live_site):
        answers = [ann.client.post(ann.path("/faucet"), headers=FROM_A_PAGE) for _ in range(11)]
    first, last = answers[0], answers[-1]
    assert first.status_code == 200
    assert "Test coins are on their way." in first.text
    assert "The faucet gives ten times a minute" in last.text
    with live_site.app.test_request_context():
        received = pending_totals(connection(), ann.descriptor.scripts(Branch.RECEIVE, 0, 1)[0])
    assert received.received == faucet.GIFT

    bert = settle(live_site, "Bert")
    answer = bert.client.post(ann.path("/faucet"), headers=FROM_A_PAGE)
    assert answer.status_code == 404
    assert live_site.app.test_client().post(ann.path("/faucet")).status_code == 401
