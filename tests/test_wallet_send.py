"""Sending, at the server: the form, its mistakes, drafts, and what becomes of signed payments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures_clients import LiveChain
from tests.wallet_people import Person, settle

COIN = 100_000_000
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
HTML = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}


@pytest.fixture
def ann(live_chain: LiveChain) -> Person:
    """With two coins: 1 and 0.2."""
    ann = settle(live_chain.site, "Ann")
    live_chain.pay(ann.address(index=0), COIN)
    live_chain.pay(ann.address(index=1), COIN // 5)
    live_chain.mine()
    return ann


def test_the_form_is_drawn_while_it_is_filled_in(ann: Person) -> None:
    empty = ann.client.get(ann.path("/send"), headers=HTML)
    assert empty.status_code == 200
    assert "Nothing to draw yet" in empty.text
    typed = {"to": PAYEE, "amount": "0.5", "label": "", "unit": "coin", "fee": "normal"}
    drawn = ann.client.post(ann.path("/send/preview"), data=typed, headers=SCRIPT)
    assert drawn.status_code == 200
    assert "flow-band" in drawn.text
