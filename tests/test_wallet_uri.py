"""Payment URIs: the examples of BIP21 and BIP321, strictness, and what is written."""

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.address import AddressProblem, address_of
from indexer.chain.network import NETWORKS, Network, get_network
from wallet.keys import purposes_of
from wallet.spending import of_account
from wallet.uri import (
    PaymentUri,
    UriError,
    UriProblem,
    is_payment_uri,
    parse_uri,
    split_uri,
    write_uri,
)

MAIN = get_network("bitcoin-main")
LITECOIN = get_network("litecoin-main")
# The addresses of the BIP are invalid on purpose.
OF_BIP = "175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W"
MINE = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
COIN = 100_000_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", PaymentUri(OF_BIP)),
        ("?label=Luke-Jr", PaymentUri(OF_BIP, label="Luke-Jr")),
        ("?amount=20.3&label=Luke-Jr", PaymentUri(OF_BIP, 2_030_000_000, "Luke-Jr")),
        (
            "?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz",
            PaymentUri(OF_BIP, 50 * COIN, "Luke-Jr", "Donation for project xyz"),
        ),
        ("?somethingyoudontunderstand=50&somethingelseyoudontget=999", PaymentUri(OF_BIP)),
    ],
)
def test_bip321_examples(query: str, expected: PaymentUri) -> None:
    assert split_uri(f"bitcoin:{OF_BIP}{query}", MAIN) == expected
    with pytest.raises(UriError) as caught:
        parse_uri(f"bitcoin:{OF_BIP}{query}", MAIN)
    assert caught.value.reason is UriProblem.ADDRESS
    assert caught.value.address_error
    assert caught.value.address_error.reason is AddressProblem.CHECKSUM


@pytest.mark.parametrize(
    ("uri", "reason", "detail"),
    [
        (
            "?req-somethingyoudontunderstand=50",
            UriProblem.REQUIRED,
            "req-somethingyoudontunderstand",
        ),
        ("?REQ-x", UriProblem.REQUIRED, "req-x"),
        ("?amount=50,000.00", UriProblem.AMOUNT, "50,000.00"),
        ("?amount=", UriProblem.AMOUNT, ""),
        ("?amount=.", UriProblem.AMOUNT, "."),
        ("?amount=0.000", UriProblem.AMOUNT, "0.000"),
        ("?amount=-1", UriProblem.AMOUNT, "-1"),
        ("?amount=1e3", UriProblem.AMOUNT, "1e3"),
        ("?amount=0x10", UriProblem.AMOUNT, "0x10"),
        ("?amount=%D9%A3", UriProblem.AMOUNT, "٣"),
        ("?amount=0.000000001", UriProblem.AMOUNT, "0.000000001"),
        ("?amount=" + "9" * 21, UriProblem.AMOUNT, "9" * 21),
        ("?amount=1&amount=1", UriProblem.REPEATED, "amount"),
        ("?label=a&LABEL=b", UriProblem.REPEATED, "label"),
        ("?label=%ff", UriProblem.ENCODING, "label"),
        ("?label=%f", UriProblem.ENCODING, ""),
        ("?label=a b", UriProblem.ENCODING, ""),
        ("?label=" + "x" * 5_000, UriProblem.LENGTH, ""),
    ],
)
def test_strictness(uri: str, reason: UriProblem, detail: str) -> None:
    with pytest.raises(UriError) as caught:
        parse_uri(f"bitcoin:{MINE}{uri}", MAIN)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20.30", 2_030_000_000),
        (".5", COIN // 2),
        ("5.", 5 * COIN),
        ("0.00000001", 1),
        ("1.000000000", COIN),
    ],
)
def test_amounts_are_exact(text: str, amount: int) -> None:
    assert parse_uri(f"bitcoin:{MINE}?amount={text}", MAIN).amount == amount


def test_other_coins_are_named() -> None:
    with pytest.raises(UriError, match="Litecoin"):
        parse_uri(f"litecoin:{MINE}", MAIN)
    with pytest.raises(UriError) as caught:
        parse_uri("https://example.com", MAIN)
    assert caught.value.reason is UriProblem.SCHEME
    assert is_payment_uri(" LITECOIN:x")
    assert not is_payment_uri(MINE)


def test_capitals_as_qr_codes_have_them() -> None:
    uri = PaymentUri(MINE, 12_345, "Tea & cake")
    text = write_uri(uri, MAIN, for_qr=True)
    assert text == f"BITCOIN:{MINE.upper()}?amount=0.00012345&label=Tea%20%26%20cake"
    assert parse_uri(text, MAIN) == uri
    assert parse_uri(f"BITCOIN:{MINE.upper()}?AMOUNT=1", MAIN).amount == COIN
    base58 = PaymentUri("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA")
    assert write_uri(base58, MAIN, for_qr=True) == f"bitcoin:{base58.address}"


def test_an_address_among_the_parameters() -> None:
    assert parse_uri(f"bitcoin:?lightning=LNBC1&bc={MINE}", MAIN).address == MINE
    with pytest.raises(UriError) as caught:
        parse_uri("bitcoin:?lightning=LNBC1", MAIN)
    assert caught.value.address_error
    assert caught.value.address_error.reason is AddressProblem.EMPTY


@given(
    st.sampled_from(list(NETWORKS.values())),
    st.binary(min_size=31, max_size=31),
    st.none() | st.integers(1, 21_000_000 * COIN),
    st.text(st.characters(codec="utf-8"), max_size=100),
    st.text(st.characters(codec="utf-8"), max_size=100),
    st.booleans(),
    st.data(),
)
def test_what_is_written_is_read(
    network: Network,
    secret: bytes,
    amount: int | None,
    label: str,
    message: str,
    for_qr: bool,
    data: st.DataObject,
) -> None:
    purpose = data.draw(st.sampled_from(purposes_of(network)))
    spend = of_account(purpose, PrivateKey(secret + b"\x01"))
    address = address_of(spend.script, network)
    assert address
    uri = PaymentUri(address, amount, label, message)
    assert parse_uri(write_uri(uri, network, for_qr=for_qr), network) == uri


@given(st.text(max_size=200), st.sampled_from(["", "bitcoin:", f"bitcoin:{MINE}?"]))
def test_any_text_gives_a_payment_or_the_typed_error(text: str, prefix: str) -> None:
    try:
        found = parse_uri(prefix + text, MAIN)
    except UriError:
        return
    assert found.address == MINE
