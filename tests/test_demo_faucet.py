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


def test_wallets_are_given_coins_until_it_is_empty_and_is_filled_again(live_site: Site) -> None:
    ann, bert = settle(live_site, "Ann"), settle(live_site, "Bert")
    script = ann.descriptor.scripts(Branch.RECEIVE, 0, 1)[0]
    assert bert.client.post(ann.path("/faucet"), headers=FROM_A_PAGE).status_code == 404
    assert live_site.app.test_client().post(ann.path("/faucet")).status_code == 401
    with followed(live_site):
        answers = [ann.client.post(ann.path("/faucet"), headers=FROM_A_PAGE) for _ in range(9)]
        assert "Test coins are on their way." in answers[0].text
        assert "The faucet gives ten times a minute" in answers[-1].text

        other = p2wpkh(b"\x21" * 20)
        txids = {_give(live_site, other) for _ in range(COINS - 8)}
        assert len(txids) == COINS - 8
        with pytest.raises(faucet.FaucetEmptyError):
            _give(live_site, other)
        with live_site.database.read() as sql:
            assert pending_totals(sql, script).received == faucet.GIFT  # each time a new address
            assert pending_totals(sql, other).received == (COINS - 8) * faucet.GIFT

    assert isinstance(live_site.node, EmbeddedNode)
    economy = Economy(live_site.node)
    economy.resume()
    economy.fill_faucet()
    live_site.step()
    assert _give(live_site, other) not in txids
