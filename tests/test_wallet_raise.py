"""Raising the fee of a payment that waits: bumped, cancelled, paid for by a second one."""

from typing import Any

import pytest

from indexer.chain.address import script_of
from indexer.chain.encoding import Transaction, hash_hex
from indexer.queries.transactions import find_pending
from tests.fixtures_clients import LiveChain
from tests.test_wallet_send import (
    HTML,
    SCRIPT,
    form,
    funded,
    make_draft,
    payee,
    send,
    told,
    txid_of,
)
from tests.wallet_people import Person
from wallet.inspection import inspect, usual_limits
from wallet.keys import Branch
from wallet.own_keys import OwnKeys
from wallet.psbt import parse_psbt


@pytest.fixture
def ann(live_chain: LiveChain) -> Person:
    return funded(live_chain, "Ann")


def pending(live_chain: LiveChain, txid: bytes) -> tuple[Transaction, int] | None:
    with live_chain.site.database.read() as index:
        found = find_pending(index, txid, live_chain.node.network)
    return None if found is None else (found.transaction, found.summary.fee or 0)


def raise_fee(ann: Person, txid: bytes, way: str, rate: str) -> bytes:
    """Through the form, the draft and the signer; the new txid."""
    path = ann.path(f"/tx/{hash_hex(txid)}/raise")
    answer = ann.client.post(path, data={"way": way, "rate": rate}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return txid_of(send(ann, answer.location))


def said(ann: Person, txid: bytes, **typed: Any) -> str:
    path = ann.path(f"/tx/{hash_hex(txid)}/raise/preview")
    return ann.client.post(path, data=typed, headers=SCRIPT).text


def require_proven(ann: Person, txid: bytes, way: str) -> None:
    """Nobody is to be paid, and what comes back is where the signer's own keys find it again."""
    path = ann.path(f"/tx/{hash_hex(txid)}/raise")
    draft = ann.client.post(path, data={"way": way, "rate": "3"}, headers=HTML).location
    request = told(ann.client.get(f"{draft}/signing", headers=SCRIPT))
    assert request["recipients"] == []
    psbt = parse_psbt(request["psbt"], ann.network)
    found = inspect(psbt, OwnKeys(ann.master, ann.network), usual_limits(ann.network))
    assert (found.payments, len(found.change)) == ((), 1)
    assert "Back to you" in ann.client.get(ann.path("/send"), headers=HTML).text
    title = "Cancellation" if way == "cancel" else "Payment"
    page = ann.client.get(draft, headers=HTML).text
    assert f">{title}</h2>" in page
    assert "Change it" not in page  # nothing of it was typed
    assert ann.client.post(f"{draft}/abandon", headers=HTML).status_code == 303


def test_a_payment_is_bumped(ann: Person, live_chain: LiveChain) -> None:
    to = payee(live_chain)
    old = txid_of(send(ann, make_draft(ann, form(to, "0.3", label="Bert", note="Beer"))))
    page = ann.client.get(ann.path(f"/tx/{hash_hex(old)}"), headers=HTML).text
    assert "Pay a higher fee" in page
    assert "Cancel it" in page
    assert "taken from your change" in said(ann, old, way="bump", rate="7")
    assert "least that nodes take" in said(ann, old, way="bump", rate="0.1")
    new = raise_fee(ann, old, "bump", "7")
    assert pending(live_chain, old) is None
    found = pending(live_chain, new)
    assert found is not None
    transaction, fee = found
    assert 6_990 < fee * 1000 / transaction.vsize < 7_150
    paid = {output.script: output.value for output in transaction.outputs}
    assert paid[script_of(to, ann.network)] == 30_000_000
    assert (
        "it will not confirm" in ann.client.get(ann.path(f"/tx/{hash_hex(old)}"), headers=HTML).text
    )
    page = ann.client.get(ann.path(f"/tx/{hash_hex(new)}"), headers=HTML).text
    assert "Beer" in page
    assert "Bert" in page
    live_chain.mine()
    late = ann.client.post(
        ann.path(f"/tx/{hash_hex(new)}/raise"), data={"way": "bump", "rate": "9"}, headers=HTML
    )
    assert late.status_code == 409


def test_a_payment_of_everything_is_bumped(ann: Person, live_chain: LiveChain) -> None:
    old = txid_of(send(ann, make_draft(ann, form(payee(live_chain), "", everything="0"))))
    assert "gets less" in said(ann, old, way="bump", rate="5")
    found = pending(live_chain, raise_fee(ann, old, "bump", "5"))
    assert found is not None
    assert [output.value for output in found[0].outputs] == [120_000_000 - found[1]]


def test_a_payment_is_cancelled(ann: Person, live_chain: LiveChain) -> None:
    old = txid_of(send(ann, make_draft(ann, form(payee(live_chain), "1.1"))))
    assert "Back to you" in said(ann, old, way="cancel", rate="3")
    require_proven(ann, old, "cancel")
    new = raise_fee(ann, old, "cancel", "3")
    found = pending(live_chain, new)
    assert found is not None
    assert pending(live_chain, old) is None
    assert len(found[0].inputs) == 1  # one coin is enough
    assert [output.script for output in found[0].outputs] == [
        script_of(ann.address(Branch.CHANGE, 1), ann.network)
    ]
    again = pending(live_chain, raise_fee(ann, new, "bump", "30"))
    assert again is not None
    assert [output.script for output in again[0].outputs] == [found[0].outputs[0].script]


def test_a_slow_payment_to_us_is_paid_for_by_a_child(ann: Person, live_chain: LiveChain) -> None:
    parent = live_chain.pay(ann.address(index=4), 5_000_000)
    live_chain.wait_for(lambda: pending(live_chain, parent.txid), "the parent in the index")
    page = ann.client.get(ann.path(f"/tx/{hash_hex(parent.txid)}"), headers=HTML).text
    assert "CPFP" in page
    assert "Cancel it" not in page  # it is not ours to replace
    require_proven(ann, parent.txid, "cpfp")
    assert "Rate of both together" in said(ann, parent.txid, way="cpfp", rate="40")
    child = pending(live_chain, raise_fee(ann, parent.txid, "cpfp", "40"))
    mother = pending(live_chain, parent.txid)
    assert child is not None
    assert mother is not None
    rate = (child[1] + mother[1]) * 1000 / (child[0].vsize + mother[0].vsize)
    assert 39_900 < rate < 40_300


def test_rates_that_are_none_or_too_high(ann: Person, live_chain: LiveChain) -> None:
    old = txid_of(send(ann, make_draft(ann, form(payee(live_chain), "", everything="0"))))
    assert "not a number" in said(ann, old, way="bump", rate="fast")
    assert "There is not enough for such a fee" in said(ann, old, way="bump", rate="2000000")
    answer = ann.client.post(
        ann.path(f"/tx/{hash_hex(old)}/raise"), data={"way": "bump", "rate": "fast"}, headers=HTML
    )
    assert answer.status_code == 400
    assert 'value="fast"' in answer.text


def test_a_transaction_of_others_is_not_shown_as_mine(ann: Person, live_chain: LiveChain) -> None:
    foreign = live_chain.pay(payee(live_chain), 1_000_000)
    live_chain.wait_for(lambda: pending(live_chain, foreign.txid), "it in the index")
    for txid in (hash_hex(foreign.txid), "00" * 32, "nonsense"):
        assert ann.client.get(ann.path(f"/tx/{txid}"), headers=HTML).status_code == 404
