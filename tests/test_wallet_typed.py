"""What people type on the send page: amounts, rates, pasted recipients, forms."""

from fractions import Fraction

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from indexer.chain.network import NETWORKS, Network, get_network
from indexer.database import Database
from tests.showcase import showcase_app
from webapp.wallets.amounts import (
    TypedNumberError,
    Unit,
    read_amount,
    read_fee_rate,
    write_amount,
    write_fee_rate,
)
from webapp.wallets.pasted import PastedError, read_pasted
from webapp.wallets.send_form import TypedRecipient, as_json, of_json, read_form, without_recipient

NETWORK = get_network("bitcoin-regtest")
MOST = 2**63 - 1
UNITS = st.sampled_from(["coin", "small"])


@pytest.fixture
def app(sqlite_database: Database) -> Flask:
    """For the words of the messages."""
    return showcase_app(sqlite_database)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, MOST), UNITS, st.sampled_from(list(NETWORKS.values())))
def test_an_amount_is_read_as_it_is_written(value: int, unit: Unit, network: Network) -> None:
    written = write_amount(value, unit, network)
    assert read_amount(written, unit, network) == value
    assert not written.endswith(".")


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 10**12))
def test_a_rate_is_read_as_it_is_written(rate: int) -> None:
    assert read_fee_rate(write_fee_rate(rate), NETWORK) == rate


NUMBERS = st.text("0123456789.,-+eE_ \u0661\u00bd", max_size=24)


def test_no_text_is_read_as_another_number(app: Flask) -> None:
    @settings(deadline=None)  # the machine may be busy
    @given(NUMBERS | st.text(max_size=20), UNITS)
    def read(text: str, unit: Unit) -> None:
        try:
            value = read_amount(text, unit, NETWORK)
        except TypedNumberError:
            return
        assert Fraction(value, 10**8 if unit == "coin" else 1) == Fraction(text.strip())

    with app.test_request_context():
        read()


ADDRESS = "bcrt1qqyqszqgpqyqszqgpqyqszqgpqyqszqgpvxat9t"
LINES = st.lists(
    st.sampled_from([ADDRESS, "0.1", "5", ",", ";", "\t", '"', "\n", "\r", "\0", "note"])
)


def test_no_pasted_text_breaks(app: Flask) -> None:
    @settings(deadline=None)  # the machine may be busy
    @given(LINES.map("".join) | st.text(max_size=60), UNITS)
    def paste(text: str, unit: Unit) -> None:
        try:
            found = read_pasted(text, unit, NETWORK)
        except PastedError:
            return
        assert found
        assert all(each.to == ADDRESS for each in found)

    with app.test_request_context():
        paste()


TYPED = st.dictionaries(
    st.sampled_from(
        ["to", "amount", "label", "everything", "unit", "account", "fee", "rate", "coin", "note"]
    ),
    st.lists(st.text(max_size=30) | st.sampled_from(["0", "1", "rate", "small"]), max_size=4),
)


@settings(deadline=None)  # the machine may be busy
@given(TYPED, st.integers(0, 5))
def test_a_form_is_kept_as_it_was_typed(typed: dict[str, list[str]], number: int) -> None:
    form = read_form(MultiDict(typed))
    assert of_json(as_json(form)) == form
    assert form.recipients
    fewer = without_recipient(form, number)
    assert fewer.recipients
    if form.everything is not None and form.everything < number:
        assert fewer.everything == form.everything


def test_removing_a_row_moves_who_gets_the_rest() -> None:
    rows = MultiDict([("to", each) for each in "abc"])
    for each in "abc":
        rows.add("amount", "")
        rows.add("label", each)
    rows.add("everything", "2")
    form = without_recipient(read_form(rows), 0)
    assert form.everything == 1
    assert form.recipients[1] == TypedRecipient("c", "", "c")
    assert without_recipient(form, 1).everything is None
