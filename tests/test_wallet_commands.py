"""`satchel wallet ...`: words from a descriptor, addresses, signing a PSBT, messages; offline."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.network import NETWORKS, get_network
from tests.satchel_process import run_satchel
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.psbt import parse_psbt
from wallet.psbt_finish import extract, finalise
from wallet.seed import seed_of_words
from wallet.spending import of_account
from webapp.cli import main

REGTEST = get_network("bitcoin-regtest")
ABANDON = "abandon " * 11 + "about"


@contextmanager
def descriptor_of(text: str) -> Iterator[str]:
    """The number of a file descriptor from which this can be read."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    try:
        yield str(reading)
    finally:
        os.close(reading)


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, ["wallet", *arguments], **options)


@pytest.mark.parametrize("count", ["12", "15", "18", "21", "24"])
def test_new_words_open_a_wallet(count: str) -> None:
    made, other = run("new", "--words", count), run("new", "--words", count)
    assert made.exit_code == 0
    assert len(made.stdout.split()) == int(count)
    assert made.stdout != other.stdout
    with descriptor_of(made.stdout) as number:
        assert run("address", "--mnemonic-fd", number).exit_code == 0
    assert "spanish" in run("new", "--language", "klingon").stderr


def test_addresses_of_every_network_and_purpose() -> None:
    expected = {
        ("bitcoin-main", "44"): "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA",
        ("bitcoin-main", "49"): "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf",
        ("bitcoin-main", "84"): "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        ("bitcoin-main", "86"): "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
        ("litecoin-main", "84"): "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
        ("dogecoin-main", "44"): "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
    }
    for (network, purpose), address in expected.items():
        with descriptor_of(ABANDON) as number:
            found = run(
                "address", "--network", network, "--purpose", purpose, "--mnemonic-fd", number
            )
        described, line = found.stdout.splitlines()
        assert line == f"0/0  {address}"
        alone = run("address", "--network", network, "--descriptor", described.removeprefix("# "))
        assert alone.stdout == found.stdout


def test_words_are_asked_for_without_being_shown() -> None:
    found = run("address", "--passphrase", "--change", input=f"{ABANDON}\nTREZOR\n")
    master = KeyNode.master(seed_of_words(ABANDON, "TREZOR"), NETWORKS["bitcoin-main"])
    assert f"[{master.fingerprint.hex()}/84h/0h/0h]" in found.stdout
    assert "1/0  bc1q" in found.stdout
    assert "abandon" not in found.output
    assert "TREZOR" not in found.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--purpose", "84", "--network", "dogecoin-main"], "--purpose: Dogecoin has 44, not 84"),
        (["--network", "dodgecoin"], "dodgecoin"),
        (["--descriptor", "wpkh(nonsense)"], "checksum"),
    ],
)
def test_mistakes_are_told(arguments: list[str], said: str) -> None:
    with descriptor_of(ABANDON) as number:
        found = run("address", *arguments, "--mnemonic-fd", number)
    assert found.exit_code != 0
    assert said in found.stderr


def test_wrong_words_are_told_and_not_repeated() -> None:
    for words in ("abandon " * 11 + "hunter", "abandon " * 12, "abandon", "\xff"):
        with descriptor_of(words) as number:
            found = run("address", "--mnemonic-fd", number)
        assert found.exit_code == 1
        assert "abandon" not in found.output
        assert "hunter" not in found.output
    assert "nothing can be read" in run("address", "--mnemonic-fd", "987").stderr


def test_no_option_takes_the_words() -> None:
    for name in ("new", "address", "sign"):
        shown = run(name, "--help").stdout
        assert "--mnemonic " not in shown
        assert "--mnemonic-fd" in shown or name == "new"


def _unsigned(purpose: Purpose) -> tuple[Any, Transaction, str]:
    """A PSBT that pays somebody, the transaction it spends from, and the recipient's address."""
    from random import Random

    from indexer.chain.address import address_of
    from wallet.psbt_build import OwnCoin, Paid, build_psbt

    master = KeyNode.master(seed_of_words(ABANDON), REGTEST)
    account = Account(master, REGTEST, purpose)
    mine = Descriptor.of_account(
        purpose, account.node.xpub, master.fingerprint, account.path, REGTEST
    )
    other = Account(KeyNode.master(bytes(64), REGTEST), REGTEST, Purpose.P2WPKH)
    recipient = of_account(Purpose.P2WPKH, other.key(Branch.RECEIVE, 0)).script
    received = mine.derive(Branch.RECEIVE, 3)
    change = mine.derive(Branch.CHANGE, 2)
    funding = Transaction(
        2, [TxInput(bytes(32), 0, b"", 0)], [TxOutput(1_000_000, received.script)]
    )
    psbt = build_psbt(
        REGTEST,
        [OwnCoin(funding, 0, received)],
        [Paid(TxOutput(600_000, recipient)), Paid(TxOutput(399_000, change.script), change)],
        Random(1),
    )
    address = address_of(recipient, REGTEST)
    assert address
    return psbt, funding, address


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_psbt_is_shown_and_signed(purpose: Purpose, binary: bool, tmp_path: Path) -> None:
    psbt, funding, recipient = _unsigned(purpose)
    path = tmp_path / "payment.psbt"
    path.write_bytes(psbt.serialize() if binary else psbt.base64.encode())
    with descriptor_of(ABANDON) as number:
        arguments = ("sign", str(path), "--network", "bitcoin-regtest", "--mnemonic-fd", number)
        found = run(*arguments, input="y\n")
    assert found.exit_code == 0, found.output
    assert f"pays         0.006 BTC  {recipient}" in found.stdout
    assert "change       0.00399 BTC" in found.stdout
    assert "fee          0.00001 BTC" in found.stdout
    written = (tmp_path / "payment.signed.psbt").read_bytes()
    assert written.startswith(b"psbt\xff") is binary
    tx = extract(finalise(parse_psbt(written, REGTEST)))
    assert tx.inputs[0].prev_txid == funding.txid


def test_a_psbt_is_not_signed_without_a_yes_or_by_other_words(tmp_path: Path) -> None:
    psbt, _, _ = _unsigned(Purpose.P2WPKH)
    path = tmp_path / "payment.psbt"
    path.write_text(psbt.base64)
    for words, answer in ((ABANDON, "n\n"), ("zoo " * 11 + "wrong", "y\n")):
        with descriptor_of(words) as number:
            arguments = ("sign", str(path), "--network", "bitcoin-regtest", "--mnemonic-fd", number)
            assert run(*arguments, input=answer).exit_code == 1
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("nonsense")
    assert "no PSBT" in run("sign", str(path), "--network", "bitcoin-regtest").stderr
    assert "either" in run("sign").stderr


def test_messages_are_signed_and_verified() -> None:
    for purpose in ("44", "49", "84", "86"):
        with descriptor_of(ABANDON) as number:
            address = run("address", "--purpose", purpose, "--start", "5", "--mnemonic-fd", number)
        with descriptor_of(ABANDON) as number:
            signature = run(
                "sign", "--message", "hello", "--purpose", purpose, "--index", "5",
                "--mnemonic-fd", number,
            )  # fmt: skip
        of = address.stdout.split()[-1]
        text = signature.stdout.strip()
        found = run("verify", of, text, "--message", "hello")
        assert (found.exit_code, found.stdout) == (0, "valid\n")
        assert run("verify", of, text, input="hello").exit_code == 0
        found = run("verify", of, text, "--message", "hullo")
        assert found.exit_code == 1
        assert found.stdout.startswith("invalid (")
    assert "no address" in run("verify", "nonsense", "x", "--message", "hello").stderr


def test_offline_and_without_any_settings(tmp_path: Path) -> None:
    made = run_satchel("wallet", "new", directory=tmp_path)
    assert len(made.stdout.split()) == 24
    assert list(tmp_path.iterdir()) == []
