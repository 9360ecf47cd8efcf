"""Sending, at the server: the form, its mistakes, drafts, and what becomes of signed payments."""

import re
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import TestResponse

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import hash_from_hex, hash_hex
from indexer.chain.script import p2wpkh
from indexer.node.base import NodeUnavailableError, Verdict
from indexer.queries.transactions import find_pending, is_pending
from tests.fixtures_clients import LiveChain
from tests.wallet_people import Person, settle
from wallet.bbqr import PSBT, split
from wallet.inspection import inspect, usual_limits
from wallet.keys import Branch, Purpose
from wallet.own_keys import OwnKeys
from wallet.psbt import parse_psbt
from wallet.signer import sign
from webapp.wallets import drafts, labels
from webapp.wallets.labels import all_labels

COIN = 100_000_000
HTML = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}


def payee(live_chain: LiveChain, number: int = 1) -> str:
    address = address_of(p2wpkh(bytes([number]) * 20), live_chain.node.network)
    assert address is not None
    return address


def funded(live_chain: LiveChain, name: str, purpose: Purpose = Purpose.P2WPKH) -> Person:
    """With two coins: 1 and 0.2."""
    person = settle(live_chain.site, name, purpose)
    live_chain.pay(person.address(index=0), COIN)
    live_chain.pay(person.address(index=1), COIN // 5)
    live_chain.mine()
    return person


@pytest.fixture
def ann(live_chain: LiveChain) -> Person:
    return funded(live_chain, "Ann")


def form(to: str, amount: str = "0.5", **more: Any) -> dict[str, Any]:
    return {"to": to, "amount": amount, "label": "", "unit": "coin", "fee": "normal", **more}


def make_draft(person: Person, typed: dict[str, Any]) -> str:
    """The path of a new draft."""
    answer = person.client.post(person.path("/drafts"), data=typed, headers=SCRIPT)
    assert answer.status_code == 200, answer.text
    url: str = told(answer)["url"]
    return url


def told(answer: TestResponse) -> dict[str, Any]:
    """The JSON of an answer."""
    found = answer.json
    assert isinstance(found, dict), answer.text
    return found


def signed(person: Person, url: str) -> str:
    """The draft's PSBT, signed with the person's keys under the policy of the command line."""
    request = told(person.client.get(f"{url}/signing", headers=SCRIPT))
    psbt = parse_psbt(request["psbt"], person.network)
    keys = OwnKeys(person.master, person.network)
    return sign(inspect(psbt, keys, usual_limits(person.network)), keys).base64


def send(person: Person, url: str) -> TestResponse:
    return person.client.post(f"{url}/signed", json={"psbt": signed(person, url)}, headers=SCRIPT)


def txid_of(answer: TestResponse) -> bytes:
    assert answer.status_code == 200, answer.text
    return hash_from_hex(told(answer)["url"].rsplit("/", 1)[1])


def errors_of(person: Person, typed: dict[str, Any]) -> dict[str, str]:
    """Field -> sentence, as the page's script gets them; the form keeps what was typed."""
    answer = person.client.post(person.path("/drafts"), data=typed, headers=SCRIPT)
    assert answer.status_code == 400, answer.text
    page = person.client.post(person.path("/drafts"), data=typed, headers=HTML)
    assert page.status_code == 400
    for kept in (typed["to"], typed["amount"]):
        assert f'value="{kept}"' in page.text or not kept
    errors: dict[str, str] = told(answer)["errors"]
    return errors


def is_pending_there(live_chain: LiveChain, txid: bytes) -> bool:
    with live_chain.site.database.read() as index:
        return is_pending(index, txid)


def coin_of(person: Person, value: int) -> str:
    """The name of a coin with this value, from the list on the page."""
    page = person.client.get(person.path("/send"), headers=HTML).text
    found = re.findall(rf'value="([0-9a-f]{{64}}:\d+)"[^>]*data-value="{value}"', page)
    name: str = found[0]
    return name


def test_the_form_is_drawn_while_it_is_filled_in(ann: Person, live_chain: LiveChain) -> None:
    empty = ann.client.get(ann.path("/send"), headers=HTML)
    assert empty.status_code == 200
    assert "Nothing to draw yet" in empty.text
    typed = form(payee(live_chain))
    drawn = ann.client.post(ann.path("/send/preview"), data=typed, headers=SCRIPT)
    assert drawn.status_code == 200
    assert drawn.text.count("flow-band") == 4  # a coin; payment, change, fee
    assert "The largest coins first" in drawn.text
    half = ann.client.post(ann.path("/send/preview"), data=form(""), headers=SCRIPT)
    assert "Nothing to draw yet" in half.text  # what is not filled in yet is no mistake


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_payment_is_signed_sent_labelled_and_followed(
    live_chain: LiveChain, purpose: Purpose
) -> None:
    ann = funded(live_chain, f"Ann {purpose}", purpose)
    first, second = payee(live_chain, 1), payee(live_chain, 2)
    typed = form(first, "0.3", note="Rent")
    typed |= {"to": [first, second], "amount": ["0.3", "0.85"], "label": ["Landlady", ""]}
    typed |= {"fee": "rate", "rate": "2.345"}
    url = make_draft(ann, typed)
    txid = txid_of(send(ann, url))
    with live_chain.site.database.read() as index:
        found = find_pending(index, txid, ann.network)
    assert found is not None
    fee, vsize = found.summary.fee or 0, found.transaction.vsize
    assert 2_345 <= fee * 1_000 / vsize < 2_345 * 1.03 + 30
    paid = {output.script: output.value for output in found.transaction.outputs}
    assert paid[script_of(first, ann.network)] == 30_000_000
    assert paid[script_of(second, ann.network)] == 85_000_000
    assert len(found.transaction.inputs) == 2
    page = ann.client.get(ann.path(f"/tx/{hash_hex(txid)}"), headers=HTML)
    assert "Waiting for a block" in page.text
    assert "Rent" in page.text
    assert "Landlady" in page.text
    assert page.text.count(">your change<") == 1
    live_chain.mine()
    assert "Confirmed, 1 block deep" in ann.client.get(page.request.path, headers=HTML).text
    gone = ann.client.get(url, headers=HTML)
    assert gone.status_code == 303
    assert gone.location.endswith(hash_hex(txid))


def test_everything_leaves_no_change(ann: Person, live_chain: LiveChain) -> None:
    url = make_draft(ann, form(payee(live_chain), "", everything="0"))
    request = told(ann.client.get(f"{url}/signing", headers=SCRIPT))
    assert request["recipients"] == [{"address": payee(live_chain), "amount": "all"}]
    txid = txid_of(send(ann, url))
    with live_chain.site.database.read() as index:
        found = find_pending(index, txid, ann.network)
    assert found is not None
    assert [output.value for output in found.transaction.outputs] == [
        COIN + COIN // 5 - (found.summary.fee or 0)
    ]


def test_each_mistake_has_its_sentence_and_nothing_typed_is_lost(
    ann: Person, live_chain: LiveChain
) -> None:
    good = payee(live_chain)
    wrong = good[:-1] + ("q" if good[-1] != "q" else "p")
    cases = {
        "to-0": [
            (form(wrong), "wrong checksum"),
            (form("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), "another network: Bitcoin"),
            (form("nonsense"), "address"),
            (form(""), "Say whom"),
        ],
        "amount-0": [
            (form(good, "0.123456789"), "9 decimals are too many"),
            (form(good, "5"), "There is not enough"),
            (form(good, "0.00000100"), "Too little"),
            (form(good, "1,5"), "without commas"),
            (form(good, "-1"), "not a number"),
            (form(good, "0"), "above zero"),
            (form(good, "half"), "not a number"),
            (form(good, ""), "Say how much"),
            (form(good, "0.5", unit="small"), "cannot be divided"),
        ],
        "rate": [
            (form(good, fee="rate", rate="0.05"), "passes on nothing below 0.1"),
            (form(good, fee="rate", rate="fast"), "not a number"),
            (form(good, fee="rate", rate="1.23456"), "too many"),
            (form(good, fee="rate"), "Say which"),
        ],
        "coins": [
            (form(good, coin=f"{'ab' * 32}:0"), "not there any more"),
            (form(good, coin="nonsense"), "names no coin"),
        ],
    }
    for field, each in cases.items():
        for typed, sentence in each:
            errors = errors_of(ann, typed)
            assert sentence in errors[field], errors


def test_chosen_and_frozen_coins(ann: Person, live_chain: LiveChain) -> None:
    small = coin_of(ann, 20_000_000)
    url = make_draft(ann, form(payee(live_chain), "0.1", coin=small))
    psbt = parse_psbt(ann.client.get(f"{url}/psbt").data, ann.network)
    assert [hash_hex(each.prev_txid) for each in psbt.tx.inputs] == [small.split(":")[0]]
    errors = errors_of(ann, form(payee(live_chain), "0.9", coin=small))
    assert "The chosen coins hold" in errors["coins"]
    with live_chain.site.app.extensions["satchel"].accounts.write() as writing:
        labels.freeze(writing, ann.wallet_id, small, frozen=True)
    assert "is frozen" in errors_of(ann, form(payee(live_chain), "0.1", coin=small))["coins"]
    assert "are frozen" in errors_of(ann, form(payee(live_chain), "1.1"))["amount-0"]


def test_warnings_before_it_is_signed(ann: Person, live_chain: LiveChain) -> None:
    def said(typed: dict[str, Any]) -> str:
        return ann.client.post(ann.path("/send/preview"), data=typed, headers=SCRIPT).text

    friend = payee(live_chain)
    txid_of(send(ann, make_draft(ann, form(friend, "0.3", label="Bert"))))
    live_chain.mine()
    assert "This address was paid before" in said(form(friend))
    assert "You pay yourself" in said(form(ann.address(index=5)))
    assert "High fee for this amount" in said(
        form(payee(live_chain, 3), "0.0001", fee="rate", rate="2")
    )
    assert "times what is needed" in said(form(payee(live_chain, 3), fee="rate", rate="50"))
    small = coin_of(ann, 20_000_000)
    rest = form(payee(live_chain, 3), "0.199998", fee="rate", rate="1", coin=small)
    assert "A small rest goes to the fee" in said(rest)
    legacy = address_of(bytes.fromhex("76a914" + "07" * 20 + "88ac"), ann.network)
    assert "The change can be told from the payment" in said(form(legacy or ""))
    assert "Addresses are linked" in said(form(payee(live_chain, 4), "0.8"))
    coming = live_chain.pay(ann.address(index=3), 4 * COIN)
    live_chain.wait_for(lambda: is_pending_there(live_chain, coming.txid), "it in the index")
    waiting = said(form(payee(live_chain, 5), "3"))
    assert "Who sent them may still replace that payment" in waiting


def test_an_address_that_only_looks_like_one_that_is_known(
    ann: Person, live_chain: LiveChain
) -> None:
    friend = payee(live_chain)
    twin = "bcrt1qqyqszqgpqyqszqgpqyqqhuwvqyqszqgpdkat9t"
    assert friend == "bcrt1qqyqszqgpqyqszqgpqyqszqgpqyqszqgpvxat9t"

    def said(to: str) -> str:
        return ann.client.post(ann.path("/send/preview"), data=form(to), headers=SCRIPT).text

    warning = "This looks like an address you know"
    assert warning not in said(twin)
    txid_of(send(ann, make_draft(ann, form(friend, "0.3", label="Bert"))))
    assert warning in said(twin)
    assert "(Bert)" in said(twin)
    assert warning not in said(friend)


def test_a_node_that_is_down_keeps_the_payment_and_never_sends_it_twice(
    ann: Person, live_chain: LiveChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcaster = live_chain.site.app.extensions["satchel"].broadcaster
    sent: list[bytes] = []
    real = type(broadcaster).submit

    def submit(self: object, raw: bytes) -> bytes:
        sent.append(raw)
        return bytes(real(broadcaster, raw))

    def down(self: object, *_raws: object, **_limits: object) -> tuple[Verdict, ...]:
        raise NodeUnavailableError("away")

    url = make_draft(ann, form(payee(live_chain), "0.3"))
    with monkeypatch.context() as patch:
        patch.setattr(type(broadcaster), "test_accept", down)
        answer = send(ann, url)
    assert answer.status_code == 503
    assert "It is never paid twice" in told(answer)["errors"][""]
    listed = ann.client.get(ann.path("/send"), headers=HTML).text
    assert "signed, not sent" in listed
    assert errors_of(ann, form(payee(live_chain), "1.1"))["amount-0"].endswith(
        "more are frozen or held by drafts."
    )
    monkeypatch.setattr(type(broadcaster), "submit", submit)
    again = ann.client.post(f"{url}/send", headers=HTML)
    assert again.status_code == 303
    assert ann.client.post(f"{url}/send", headers=HTML).location == again.location
    assert send_twice(ann, url) == again.location
    assert len(sent) == 1


def send_twice(ann: Person, url: str) -> str:
    """What a second tab gets that signed the same draft."""
    answer = ann.client.post(f"{url}/signed", json={"psbt": "of another tab"}, headers=SCRIPT)
    assert answer.status_code == 200
    location: str = told(answer)["url"]
    return location


def test_a_coin_that_was_spent_meanwhile(ann: Person, live_chain: LiveChain) -> None:
    first = make_draft(ann, form(payee(live_chain, 1), "1.1"))
    second = make_draft(ann, form(payee(live_chain, 2), "1.1"))
    psbt = signed(ann, second)
    txid_of(send(ann, first))
    live_chain.mine()
    answer = ann.client.post(f"{second}/signed", json={"psbt": psbt}, headers=SCRIPT)
    assert answer.status_code == 503
    assert "was spent meanwhile" in told(answer)["errors"][""]
    page = ann.client.get(second, headers=HTML).text
    assert "was spent meanwhile" in page
    assert ann.client.post(f"{second}/abandon", headers=HTML).status_code == 303
    assert ann.client.get(second, headers=HTML).status_code == 404


def test_a_psbt_that_does_not_fit_is_refused(ann: Person, live_chain: LiveChain) -> None:
    url = make_draft(ann, form(payee(live_chain), "0.3"))
    other = make_draft(ann, form(payee(live_chain, 2), "0.2"))
    unsigned = told(ann.client.get(f"{url}/signing", headers=SCRIPT))["psbt"]
    cases = [
        (signed(ann, other), "another transaction"),
        (unsigned, "1 of 1 inputs are not signed"),
        ("cHNidP8nonsense", "This PSBT cannot be used"),
        ("", "is expected"),
        ("B$2P0200AAAAAAAA", "1 of 2 frames are missing"),
    ]
    for psbt, sentence in cases:
        answer = ann.client.post(f"{url}/signed", json={"psbt": psbt}, headers=SCRIPT)
        assert answer.status_code == 400
        assert sentence in told(answer)["errors"][""]
    txid_of(send(ann, url))


def test_a_draft_is_taken_up_again(ann: Person, live_chain: LiveChain) -> None:
    url = make_draft(ann, form(payee(live_chain), "0.3", note="For the roof"))
    number = url.rsplit("/", 1)[1]
    shown = ann.client.get(url, headers=HTML).text
    assert "Review and sign" in shown
    again = ann.client.get(ann.path(f"/send?draft={number}"), headers=HTML).text
    assert 'value="0.3"' in again
    assert "For the roof" in again
    assert make_draft(ann, form(payee(live_chain), "0.4", draft=number)) == url
    with live_chain.site.app.extensions["satchel"].accounts.read() as reading:
        draft = drafts.find(reading, ann.wallet_id, int(number))
    assert draft is not None
    assert draft.form.recipients[0].amount == "0.4"


def test_without_script_rows_come_and_go(ann: Person, live_chain: LiveChain) -> None:
    one, two = payee(live_chain, 1), payee(live_chain, 2)

    def post(**typed: Any) -> TestResponse:
        return ann.client.post(ann.path("/send"), data=form(one) | typed, headers=HTML)

    assert post(do="add").text.count('name="to"') == 3  # and the one of the template
    pasted = post(do="paste", pasted=f"address,amount,note\n{two},0.25,Oil\n{one},0.1")
    assert pasted.text.count('name="to"') == 4
    assert 'value="Oil"' in pasted.text
    link = post(do="paste", to="", amount="", pasted=f"bitcoin:{two}?amount=0.07&label=Tea")
    assert 'value="0.07"' in link.text
    bad = post(do="paste", pasted=f"{two},0.25\n{two},many")
    assert bad.status_code == 400
    assert "Line 2: “many” is not a number" in bad.text
    assert f"{two},0.25" in bad.text
    fewer = post(do="remove-1", to=[one, two], amount=["0.1", "0.2"], label=["", ""])
    assert two not in fewer.text
    assert post(do="remove-" + "9" * 5_000).status_code == 200
    look = post(do="preview", amount="9")
    assert look.status_code == 400
    assert "There is not enough" in look.text


def test_links_of_other_coins_and_unknown_demands(ann: Person) -> None:
    for text, sentence in [
        ("litecoin:ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "another coin: Litecoin"),
        (f"bitcoin:{ann.address()}?req-magic=1", "“req-magic”, which is not known here"),
        (f"bitcoin:{ann.address()}?amount=1,5", "amount in this payment link"),
        ("", "Paste an address"),
    ]:
        answer = ann.client.post(
            ann.path("/send/recipients"), data={"pasted": text}, headers=SCRIPT
        )
        assert answer.status_code == 400
        assert sentence in told(answer)["errors"]["pasted"]


def test_a_lost_session_is_told_to_script(ann: Person) -> None:
    stranger = ann.site.app.test_client()
    answer = stranger.post(ann.path("/drafts"), data=form("x"), headers=SCRIPT)
    assert answer.status_code == 401
    assert "no longer signed in" in told(answer)["error"]


def test_another_persons_drafts_are_not_there(ann: Person, live_chain: LiveChain) -> None:
    url = make_draft(ann, form(payee(live_chain)))
    bert = settle(live_chain.site, "Bert")
    for method, path in [
        ("get", url),
        ("get", f"{url}/signing"),
        ("get", f"{url}/psbt"),
        ("post", f"{url}/signed"),
        ("post", f"{url}/send"),
        ("post", f"{url}/abandon"),
        ("get", ann.path("/send")),
        ("post", ann.path("/send/preview")),
        ("post", ann.path("/drafts")),
    ]:
        assert getattr(bert.client, method)(path, headers=SCRIPT).status_code == 404
    mine = url.replace(ann.path(), bert.path())  # the number of a draft of somebody else's wallet
    assert bert.client.get(mine, headers=HTML).status_code == 404


def test_notes_become_labels(ann: Person, live_chain: LiveChain) -> None:
    to = payee(live_chain)
    txid = txid_of(send(ann, make_draft(ann, form(to, label="Bert", note=" Beer \n and more "))))
    with live_chain.site.app.extensions["satchel"].accounts.read() as reading:
        kept = {(each.type, each.ref): each.label for each in all_labels(reading, ann.wallet_id)}
    assert kept == {("tx", hash_hex(txid)): "Beer and more", ("addr", to): "Bert"}


def test_change_comes_back_on_the_change_branch(ann: Person, live_chain: LiveChain) -> None:
    url = make_draft(ann, form(payee(live_chain), "0.3"))
    psbt = parse_psbt(ann.client.get(f"{url}/psbt").data, ann.network)
    change = script_of(ann.address(Branch.CHANGE, 0), ann.network)
    assert change in {output.script for output in psbt.tx.outputs}


def test_a_wallet_that_only_watches_sends_by_file_text_or_codes(live_chain: LiveChain) -> None:
    eve = settle(live_chain.site, "Eve", kind="watch")
    live_chain.pay(eve.address(index=0), COIN)
    live_chain.mine()
    made = eve.client.post(eve.path("/drafts"), data=form(payee(live_chain), "0.2"), headers=HTML)
    assert made.status_code == 303  # no script is needed
    page = eve.client.get(made.location, headers=HTML).text
    assert "Take it to your signer" in page
    file = eve.client.get(f"{made.location}/psbt")
    assert file.headers["Content-Disposition"].endswith('.psbt"')
    assert file.data.startswith(b"psbt\xff")
    assert page.count("data-frame") == len(split(file.data, PSBT))
    psbt = parse_psbt(signed(eve, made.location), eve.network).serialize()

    unsigned = {"file": (BytesIO(file.data), "same.psbt")}
    refused = eve.client.post(f"{made.location}/signed", data=unsigned, headers=HTML)
    assert refused.status_code == 400
    assert "1 of 1 inputs are not signed" in refused.text
    frames = "\n".join(reversed(split(psbt, PSBT)))
    sent = eve.client.post(f"{made.location}/signed", data={"psbt": frames}, headers=HTML)
    assert sent.status_code == 303
    found = hash_from_hex(sent.location.rsplit("/", 1)[1])
    assert is_pending_there(live_chain, found)

    again = eve.client.post(eve.path("/drafts"), data=form(payee(live_chain), "0.1"), headers=HTML)
    psbt = parse_psbt(signed(eve, again.location), eve.network).serialize()
    upload = {"file": (BytesIO(psbt), "signed.psbt"), "psbt": ""}
    assert eve.client.post(f"{again.location}/signed", data=upload, headers=HTML).status_code == 303


def test_signed_drafts_do_not_share_change_addresses(
    ann: Person, live_chain: LiveChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcaster = live_chain.site.app.extensions["satchel"].broadcaster

    def down(self: object, *_raws: object, **_limits: object) -> tuple[Verdict, ...]:
        raise NodeUnavailableError("away")

    monkeypatch.setattr(type(broadcaster), "test_accept", down)
    url = make_draft(ann, form(payee(live_chain), "0.3"))
    assert send(ann, url).status_code == 503
    second = make_draft(ann, form(payee(live_chain), "0.1"))
    psbts = [parse_psbt(ann.client.get(f"{each}/psbt").data, ann.network) for each in (url, second)]
    scripts = [{output.script for output in each.tx.outputs} for each in psbts]
    assert scripts[0] & scripts[1] == {script_of(payee(live_chain), ann.network)}
    spent = [{each.prev_txid for each in psbt.tx.inputs} for psbt in psbts]
    assert spent[0].isdisjoint(spent[1])
