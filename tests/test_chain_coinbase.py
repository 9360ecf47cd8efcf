"""What miners wrote, read out of real coinbases and hostile ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.coinbase import coinbase_text, text_runs
from indexer.chain.encoding import parse_block
from indexer.chain.script import push, push_number
from tests.chain_files import BLOCK_FILES, network_of


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "btc_mainnet_0",
            "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks",
        ),
        ("btc_mainnet_1", ""),
        ("btc_mainnet_300025", "七彩神仙鱼 Mined by gabc"),
        ("btc_mainnet_702861", "binance/fr214"),
        ("btc_testnet3_928828", "/EB16/AD4/ /pool.bitcoin.com/"),
        ("ltc_mainnet_0", "NY Times 05/Oct/2011 Steve Jobs, Apple’s Visionary, Dies at 56"),
        ("ltc_mainnet_900000", "七彩神仙鱼 Mined by ljj88"),
        ("doge_mainnet_250000", "/P2SH/ /nodeStratum/"),
    ],
)
def test_real_texts(name: str, text: str) -> None:
    file = next(file for file in BLOCK_FILES if file.name.startswith(f"{name}_"))
    coinbase = parse_block(file.read_bytes(), network_of(file)).transactions[0]
    assert coinbase_text(coinbase.inputs[0].script_sig) == text


def test_hostile_text_comes_out_as_it_is() -> None:
    markup = "<b hx-get=/evil>\u202eabc"
    assert coinbase_text(push_number(7) + push(markup.encode())) == markup


def test_broken_utf8_ends_a_run() -> None:
    assert text_runs(b"good\xc3bad \xed\xa0\x80more\xf4\x90\x80\x80tail") == [
        "good",
        "bad ",
        "more",
        "tail",
    ]


@given(st.binary(max_size=120))
def test_any_bytes_give_text(script_sig: bytes) -> None:
    text = coinbase_text(script_sig)
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.text(alphabet=st.characters(min_codepoint=0x20, codec="utf-8"), min_size=4, max_size=60))
def test_printable_text_survives(text: str) -> None:
    if "\x7f" not in text:
        assert text_runs(b"\x00" + text.encode() + b"\xff") == [text]
