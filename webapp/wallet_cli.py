"""The commands `satchel wallet ...`: a wallet on a machine that needs no network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from indexer.chain.network import Network
from webapp.cli_parts import examples, explain_errors
from webapp.config import load_settings

F = TypeVar("F", bound=Callable[..., Any])

_PURPOSES = ("44", "49", "84", "86")
_MOST_ADDRESSES = 10_000
_LAST_INDEX = 2**31 - 1


@click.group()
def wallet() -> None:
    """A wallet on this machine: needs no server, no database and no network.

    The words are asked for without showing them, or read from a file descriptor; they are never
    an argument, which other users of the machine could see.
    """


def _network(name: str | None) -> Network:
    return load_settings(network=name).chain_network


network_option = click.option("--network", help="Which chain, for example bitcoin-main.")


def secret_options(command: F) -> F:
    for option in (
        click.option(
            "--passphrase-fd",
            type=click.IntRange(min=0),
            help="Read the passphrase from this file descriptor.",
        ),
        click.option("--passphrase", is_flag=True, help="Ask for a passphrase beside the words."),
        click.option(
            "--mnemonic-fd",
            type=click.IntRange(min=0),
            help="Read the words from this file descriptor instead of asking.",
        ),
    ):
        command = option(command)
    return command


def account_options(command: F) -> F:
    for option in (
        click.option(
            "--account",
            type=click.IntRange(0, _LAST_INDEX),
            default=0,
            show_default=True,
            help="Number of the account.",
        ),
        click.option(
            "--purpose",
            type=click.Choice(_PURPOSES),
            help="Kind of addresses, by its BIP.  [default: 84, or 44 where there is no segwit]",
        ),
    ):
        command = option(command)
    return command


@wallet.command(epilog=examples("satchel wallet new", "satchel wallet new --words 12 > words.txt"))
@click.option(
    "--words",
    type=click.Choice(["12", "15", "18", "21", "24"]),
    default="24",
    show_default=True,
    help="How many words.",
)
@click.option("--language", default="english", show_default=True, help="Language of the words.")
def new(words: str, language: str) -> None:
    """Make the words of a new wallet. Write them down: they are kept nowhere."""
    from webapp.wallet_commands import new_words

    new_words(int(words), language)


@wallet.command(
    epilog=examples(
        "satchel wallet address",
        "satchel wallet address --purpose 86 --count 5 --mnemonic-fd 3 3< words.txt",
        "satchel wallet address --descriptor 'wpkh([73c5da0a/84h/0h/0h]xpub6C.../<0;1>/*)'",
    )
)
@network_option
@account_options
@click.option("--change", is_flag=True, help="Change addresses in place of receive addresses.")
@click.option(
    "--start", type=click.IntRange(0, _LAST_INDEX), default=0, help="Number of the first."
)
@click.option(
    "--count",
    type=click.IntRange(1, _MOST_ADDRESSES),
    default=1,
    show_default=True,
    help="How many addresses.",
)
@click.option("--descriptor", help="Of a watch-only wallet; no words are asked for.")
@secret_options
@explain_errors
def address(
    network: str | None,
    purpose: str | None,
    account: int,
    change: bool,
    start: int,
    count: int,
    descriptor: str | None,
    **secrets: Any,
) -> None:
    """Print the descriptor of an account and addresses of it."""
    from webapp import wallet_commands as commands

    chain = _network(network)
    if descriptor is None:
        seed = commands.read_seed(**secrets)
        described = commands.account_of(seed, chain, purpose, account)[1]
    else:
        described = commands.parse_descriptor(descriptor, chain)
    commands.print_addresses(described, change, start, count)


@wallet.command(
    epilog=examples(
        "satchel wallet sign unsigned.psbt --output signed.psbt",
        "satchel wallet sign unsigned.psbt --mnemonic-fd 3 3< words.txt",
        "satchel wallet sign --message 'I hold this address' --index 0",
    )
)
@click.argument(
    "psbt", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@network_option
@click.option("--output", type=click.Path(path_type=Path), help="Where the signed PSBT goes.")
@click.option("--multisig", multiple=True, help="Descriptor of a multisig wallet of ours.")
@click.option("--any-fee", is_flag=True, help="Sign however high the fee is.")
@click.option("--yes", is_flag=True, help="Do not ask before signing.")
@click.option("--message", help="Sign this text with the key of an address instead.")
@account_options
@click.option("--change", is_flag=True, help="The message's key: a change address.")
@click.option(
    "--index",
    type=click.IntRange(0, _LAST_INDEX),
    default=0,
    show_default=True,
    help="The message's key: number of the address.",
)
@secret_options
@explain_errors
def sign(
    psbt: Path | None,
    network: str | None,
    output: Path | None,
    multisig: tuple[str, ...],
    any_fee: bool,
    yes: bool,
    message: str | None,
    purpose: str | None,
    account: int,
    change: bool,
    index: int,
    **secrets: Any,
) -> None:
    """Sign a PSBT, after showing what it does, or a message."""
    from webapp import wallet_commands as commands

    chain = _network(network)
    if (psbt is None) == (message is None):
        raise click.UsageError("say either the file of a PSBT or --message TEXT")
    if psbt is None:
        seed = commands.read_seed(**secrets)
        key_of = commands.account_of(seed, chain, purpose, account)[0]
        commands.sign_text(key_of, message or "", change, index)
        return
    given = commands.read_psbt(psbt, chain)
    seed = commands.read_seed(**secrets)
    commands.sign_psbt(seed, given, multisig, output, any_fee=any_fee, confirmed=yes)


@wallet.command(
    epilog=examples(
        "satchel wallet verify bc1q... 'AkcwRAIg...' --message 'I hold this address'",
        "satchel wallet verify bc1q... 'AkcwRAIg...' < message.txt",
    )
)
@click.argument("address")
@click.argument("signature")
@click.option("--message", help="The text; by default standard input as it is.")
@network_option
@explain_errors
def verify(address: str, signature: str, message: str | None, network: str | None) -> None:
    """Say whether the holder of an address signed a message; exit 1 if not."""
    from webapp.wallet_commands import verify_text

    verify_text(address, signature, message, _network(network))
