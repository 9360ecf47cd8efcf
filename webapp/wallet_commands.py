"""What `satchel wallet ...` does. Secrets come from the terminal or a file descriptor only."""

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from indexer.chain.address import AddressError, address_of
from indexer.chain.encoding import TxOutput
from indexer.chain.network import Network
from wallet.descriptor import Descriptor, DescriptorError
from wallet.inspection import Inspected, RefusedError, inspect, usual_limits
from wallet.keys import Account, Branch, KeyNode, Purpose, purposes_of
from wallet.message import Verdict, sign_message, verify_message
from wallet.own_keys import OwnKeys
from wallet.psbt import Psbt, parse_psbt
from wallet.psbt_fields import PsbtError
from wallet.psbt_format import MAGIC
from wallet.seed import LANGUAGES, MnemonicError, seed_of_words, words_of_entropy
from wallet.signer import sign
from wallet.uri import write_amount

_MAX_SECRET = 4_096  # bytes
_MAX_PSBT = 20_000_000
_MAX_MESSAGE = 1_000_000


def new_words(count: int, language: str) -> None:
    if language not in LANGUAGES:
        raise click.ClickException(f"--language: one of {', '.join(LANGUAGES)}, not {language}")
    entropy = secrets.token_bytes(count * 4 // 3)
    click.echo(words_of_entropy(entropy, language))
    click.echo(
        "Write these words down and keep them secret: whoever has them has the coins, and without "
        "them nobody does.",
        err=True,
    )


def read_seed(mnemonic_fd: int | None, passphrase: bool, passphrase_fd: int | None) -> bytes:
    """The seed of the words and, if one is asked for, the passphrase."""
    words = _secret("--mnemonic-fd", mnemonic_fd, "Words (not shown)")
    typed = ""
    if passphrase or passphrase_fd is not None:
        typed = _secret("--passphrase-fd", passphrase_fd, "Passphrase (not shown)")
    try:
        return seed_of_words(words, typed)
    except MnemonicError as error:
        raise click.ClickException(str(error)) from error


def account_of(
    seed: bytes, network: Network, purpose: str | None, number: int
) -> tuple[Account, Descriptor]:
    """An account and its descriptor; by default of P2WPKH addresses."""
    known = purposes_of(network)
    usual = Purpose.P2WPKH if Purpose.P2WPKH in known else known[0]
    chosen = usual if purpose is None else Purpose(int(purpose))
    if chosen not in known:
        numbers = ", ".join(str(each.value) for each in known)
        raise click.ClickException(f"--purpose: {network.title} has {numbers}, not {purpose}")
    master = KeyNode.master(seed, network)
    account = Account(master, network, chosen, number)
    described = Descriptor.of_account(
        chosen, account.node.xpub, master.fingerprint, account.path, network
    )
    return account, described


def parse_descriptor(text: str, network: Network) -> Descriptor:
    try:
        return Descriptor.of_pasted(text, network)
    except DescriptorError as error:
        raise click.ClickException(str(error)) from error


def print_addresses(described: Descriptor, change: bool, start: int, count: int) -> None:
    click.echo(f"# {described.text}")
    branch = Branch.CHANGE if change else Branch.RECEIVE
    for index, script in enumerate(described.scripts(branch, start, count), start):
        click.echo(f"{branch.value}/{index}  {address_of(script, described.network)}")


class GivenPsbt(NamedTuple):
    """A PSBT of a file; `binary` says how it was written."""

    path: Path
    psbt: Psbt
    binary: bool


def read_psbt(path: Path, network: Network) -> GivenPsbt:
    with path.open("rb") as file:
        data = file.read(_MAX_PSBT)
    try:
        return GivenPsbt(path, parse_psbt(data, network), data.startswith(MAGIC))
    except PsbtError as error:
        raise click.ClickException(f"{path.name} is no PSBT of {network.title}: {error}") from error


def sign_psbt(
    seed: bytes,
    given: GivenPsbt,
    multisig: tuple[str, ...],
    output: Path | None,
    *,
    any_fee: bool,
    confirmed: bool,
) -> None:
    """Shows what it does, asks, signs, and writes beside the file or to `output`."""
    network = given.psbt.network
    descriptors = [parse_descriptor(text, network) for text in multisig]
    keys = OwnKeys(KeyNode.master(seed, network), network, descriptors)
    limits = usual_limits(network)
    if any_fee:
        limits = replace(limits, fee_rate=sys.maxsize, fee_percent=sys.maxsize)
    try:
        inspected = inspect(given.psbt, keys, limits)
    except RefusedError as error:
        raise click.ClickException(f"not signed: {error}") from error
    _show(inspected, network)
    if not confirmed:
        click.confirm("Sign this?", abort=True)
    signed = sign(inspected, keys)
    target = output or given.path.with_name(f"{given.path.stem}.signed.psbt")
    target.write_bytes(signed.serialize() if given.binary else signed.base64.encode() + b"\n")
    click.echo(f"signed: {target}")


def sign_text(account: Account, message: str, change: bool, index: int) -> None:
    branch = Branch.CHANGE if change else Branch.RECEIVE
    signature = sign_message(account.key(branch, index), account.purpose, message, account.network)
    click.echo(signature)


def verify_text(address: str, signature: str, message: str | None, network: Network) -> None:
    """Exits with 1 unless the signature is right."""
    if message is None:
        message = sys.stdin.read(_MAX_MESSAGE)
    try:
        found = verify_message(address, message, signature, network)
    except AddressError as error:
        raise click.ClickException(f"no address of {network.title}: {error}") from error
    reason = f" ({found.problem.value.replace('_', ' ')})" if found.problem else ""
    click.echo(f"{found.verdict.value}{reason}")
    if found.verdict is not Verdict.VALID:
        sys.exit(1)


def _show(inspected: Inspected, network: Network) -> None:
    for payment, own in zip(inspected.payments, inspected.own, strict=True):
        _show_output("to yourself" if own else "pays", payment, network)
    for change in inspected.change:
        _show_output("change", change, network)
    rate = f"{inspected.fee_rate / 1000:.3f} {network.small_unit}/vB"
    click.echo(f"fee          {write_amount(inspected.fee, network)} {network.unit}  ({rate})")


def _show_output(what: str, output: TxOutput, network: Network) -> None:
    amount = f"{write_amount(output.value, network)} {network.unit}"
    to = address_of(output.script, network) or f"script {output.script.hex()}"
    click.echo(f"{what:<11}  {amount}  {to}")


def _secret(option: str, descriptor: int | None, prompt: str) -> str:
    """One line, from the descriptor or from the person at the terminal."""
    if descriptor is None:
        return str(click.prompt(prompt, hide_input=True))
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.readline(_MAX_SECRET).rstrip(b"\r\n").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(
            f"{option}: found {descriptor}, from which nothing can be read"
        ) from error
