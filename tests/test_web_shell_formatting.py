"""How values become text."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from indexer.database import Database
from tests.showcase import showcase_app
from webapp import formatting
from webapp.visible import visible_text


@pytest.fixture
def app(sqlite_database: Database) -> Flask:
    return showcase_app(sqlite_database)


@pytest.fixture
def reader(app: Flask) -> Iterator[Callable[..., None]]:
    """Sets the preferences of the request in which the test runs."""
    entered = ExitStack()

    def set_(**cookies: str) -> None:
        entered.close()
        header = "; ".join(f"satchel_{name}={value}" for name, value in cookies.items())
        entered.enter_context(app.test_request_context("/", headers={"Cookie": header}))

    with entered:
        yield set_


def plain(markup: str) -> str:
    return str(Markup(markup).striptags())


@pytest.mark.parametrize(
    ("value", "coins", "small"),
    [
        (0, "0.00000000 BTC", "0 sat"),
        (1, "0.00000001 BTC", "1 sat"),
        (-1, "−0.00000001 BTC", "−1 sat"),
        (123_456_789, "1.23456789 BTC", "123456789 sat"),
        (150_000_000, "1.50000000 BTC", "150000000 sat"),
        (2_100_000_000_000_000, "21000000.00000000 BTC", "2100000000000000 sat"),
    ],
)
def test_amounts(reader: Callable[..., None], value: int, coins: str, small: str) -> None:
    reader()
    assert plain(formatting.amount(value)) == coins
    assert formatting.amount_text(value) == coins
    reader(unit="small")
    assert plain(formatting.amount(value)) == small
    assert formatting.amount_text(value) == small


def test_signed_and_brief_amounts(reader: Callable[..., None]) -> None:
    reader()
    assert formatting.amount_text(5, signed=True) == "+0.00000005 BTC"
    assert formatting.amount_text(0, signed=True) == "0.00000000 BTC"
    assert formatting.amount_brief(150_000_000) == "1.5 BTC"
    assert formatting.amount_brief(10**9) == "10 BTC"
    assert plain(formatting.amount(7, unit=False)) == "0.00000007"


def test_digits_stand_in_threes(reader: Callable[..., None]) -> None:
    reader()
    assert '21<span class="group">000</span><span class="group">000</span>' in formatting.amount(
        2_100_000_000_000_000
    )
    assert '345<span class="group">67</span>' in formatting.amount(34_567_000)
    reader(unit="small")
    assert '1<span class="group">234</span><span class="group">567</span>' in formatting.amount(
        1_234_567
    )


@given(value=st.integers(-(10**17), 10**17), unit=st.sampled_from(["coin", "small"]))
def test_amounts_lose_nothing(app_once: Flask, value: int, unit: str) -> None:
    with app_once.test_request_context("/", headers={"Cookie": f"satchel_unit={unit}"}):
        shown = plain(formatting.amount(value)).replace("−", "-")
    digits, name = shown.split(" ")
    whole, _, fraction = digits.partition(".")
    assert int(whole + fraction) == value
    assert (len(fraction), name) == ((8, "BTC") if unit == "coin" else (0, "sat"))


@pytest.fixture(scope="module")
def app_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('web')}/index.db")
    yield showcase_app(database)
    database.dispose()


@pytest.mark.parametrize(
    ("fee", "vsize", "shown"),
    [
        (141, 141, "1 sat/vB"),
        (200, 141, "1.42 sat/vB"),
        (1, 100_000, "<0.01 sat/vB"),
        (0, 141, "0 sat/vB"),
        (123_456_789, 1000, "123,456 sat/vB"),
        (5, 0, "0 sat/vB"),
    ],
)
def test_fee_rates(reader: Callable[..., None], fee: int, vsize: int, shown: str) -> None:
    reader()
    assert plain(formatting.fee_rate(fee, vsize)) == shown


def test_rates_of_nodes_are_per_thousand(reader: Callable[..., None]) -> None:
    reader()
    assert plain(formatting.fee_rate_per_kvb(1500)) == "1.5 sat/vB"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (123_456_789, "123 MB")],
)
def test_sizes(reader: Callable[..., None], count: int, shown: str) -> None:
    reader()
    assert formatting.byte_size(count) == shown


def test_numbers_follow_the_language(reader: Callable[..., None]) -> None:
    reader()
    assert formatting.number(1_234_567) == "1,234,567"
    assert formatting.number(2.5, 2) == "2.50"
    assert formatting.percent(0.1234) == "12.3 %"
    assert formatting.duration(600) == "10 minutes"
    reader(language="zh_Hans_CN")
    assert formatting.duration(600) == "10分钟"


def test_times(reader: Callable[..., None]) -> None:
    reader()
    assert formatting.time_tag(1_231_006_505) == (
        '<time datetime="2009-01-03T18:15:05Z" data-time="moment">2009-01-03 18:15:05 UTC</time>'
    )
    now = int(time.time())
    assert plain(formatting.age_tag(now - 180)) == "3 minutes ago"
    assert plain(formatting.age_tag(now + 7200)) in {"in 2 hours", "in 1 hour"}
    reader(language="zh_Hans_CN")
    assert plain(formatting.age_tag(now - 180)) == "3分钟前"


def test_hashes() -> None:
    value = bytes(range(32))
    assert formatting.full_hash(value).startswith("1f1e1d")
    assert formatting.short_hash(value) == "1f1e1d1c…03020100"
    assert formatting.short_hash("bc1qshort") == "bc1qshort"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hello", "hello"),
        ("<b>", "<b>"),
        ("a\x00b", "a␀b"),
        ("a\x7fb", "a␡b"),
        ("\u202eevil", "U+202Eevil"),
        ("zero\u200bwidth", "zeroU+200Bwidth"),
        ("比特币 ₿", "比特币 ₿"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u3164", "U+3164"),
        ("e\u0301", "e\u0301"),
        ("Z\u0301\u0302\u0303\u0304", "Z\u0301\u0302U+0303U+0304"),
    ],
)
def test_chain_text_hides_nothing(text: str | bytes, shown: str) -> None:
    assert plain(visible_text(text).replace("</span>", "")).replace("&lt;", "<") == shown


@given(st.one_of(st.text(), st.binary()))
def test_chain_text_is_never_markup(text: str | bytes) -> None:
    shown = visible_text(text)
    inside = shown.removeprefix('<bdi class="chain-text">').removesuffix("</bdi>")
    without_ours = inside.replace("</span>", "")
    for part in without_ours.split('<span class="hidden-character" title="')[1:]:
        assert part.startswith("U+")
    assert without_ours.count("<") == without_ours.count('<span class="hidden-character"')
    assert not any("\u202a" <= character <= "\u202e" for character in shown)
