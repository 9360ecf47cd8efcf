"""The command `satchel`."""

import sys
from pathlib import Path
from typing import Any

import click

from webapp.cli_parts import examples, explain_errors
from webapp.config import config_file, describe, load_settings
from webapp.logs import start_logging
from webapp.wallet_cli import wallet


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples("satchel demo", "satchel index --network bitcoin-main", "satchel web"),
)
@click.version_option(package_name="satchel")
def main() -> None:
    """Satchel: a block explorer and wallet for the node you run.

    Settings come from satchel.toml (or the file named by SATCHEL_CONFIG), then from
    SATCHEL_* in the environment, then from the options; `satchel config` shows them.
    """


@main.command(
    epilog=examples(
        "satchel demo",
        "satchel demo --port 9000 --block-interval 5",
        "satchel demo --fresh      # forget the old demo chain, write a new one",
        "satchel demo --reorg      # tell the running demo to reorganise its chain now",
    )
)
@click.option("--port", type=int, help="Port to listen on.  [default: 8000]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--data-directory", type=click.Path(path_type=Path), help="Where the demo is kept.")
@click.option(
    "--block-interval",
    type=click.FloatRange(min=0.5, max=86_400),
    default=15.0,
    show_default=True,
    help="Seconds between blocks.",
)
@click.option(
    "--tx-rate",
    type=click.FloatRange(min=0, max=100),
    default=0.5,
    show_default=True,
    help="Transactions per second.",
)
@click.option("--fresh", is_flag=True, help="Start from an empty chain.")
@click.option("--reorg", is_flag=True, help="Reorganise the last blocks now.")
@explain_errors
def demo(
    port: int | None,
    host: str | None,
    data_directory: Path | None,
    block_interval: float,
    tx_rate: float,
    fresh: bool,
    reorg: bool,
) -> None:
    """Run a real regtest chain with a small economy, the indexer and the web app."""
    from webapp.demo.run import DemoOptions, run_demo

    settings = load_settings(
        network="bitcoin-regtest",
        node_url="embedded",
        port=port,
        host=host,
        data_directory=data_directory,
    )
    start_logging(settings.log_level)
    run_demo(settings, DemoOptions(block_interval, tx_rate, fresh, reorg))


@main.command(
    epilog=examples(
        "satchel index --network litecoin-main --node-cookie-file ~/.litecoin/.cookie",
        "SATCHEL_DATABASE_URL=postgresql://satchel@localhost/satchel satchel index",
    )
)
@click.option("--network", help="Which chain, for example bitcoin-main.")
@click.option("--database-url", help="Where the index is kept.")
@click.option("--node-url", help="Where the node listens.")
@click.option("--node-cookie-file", help="The node's .cookie file.")
@explain_errors
def index(**options: str | None) -> None:
    """Copy the node's chain into the database and follow it."""
    from webapp.commands import run_index

    settings = load_settings(**options)
    start_logging(settings.log_level)
    run_index(settings)


@main.command(epilog=examples("satchel web", "satchel web --network litecoin-main --port 8080"))
@click.option("--network", help="Which chain, for example bitcoin-main.")
@click.option("--database-url", help="Where the index is kept.")
@click.option("--node-url", help="Where the node listens, for raw data on pages.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@explain_errors
def web(**options: Any) -> None:
    """Serve the pages."""
    from webapp.commands import run_web

    settings = load_settings(**options)
    start_logging(settings.log_level)
    run_web(settings)


@main.command(
    epilog=examples(
        "satchel electrum",
        "satchel electrum --network litecoin-main --electrum-port 60001",
        "satchel electrum --electrum-host 0.0.0.0 --electrum-port 0 --electrum-tls-port 50002 \\",
        "    --electrum-tls-certificate fullchain.pem --electrum-tls-key privkey.pem",
        "satchel electrum --demo   # of the demo's chain, while the demo runs",
        "electrum --regtest --oneserver --server localhost:50001:t   # a wallet of the demo",
    )
)
@click.option("--network", help="Which chain, for example bitcoin-main.")
@click.option("--database-url", help="Where the index is kept.")
@click.option("--node-url", help="Where the node listens, to send transactions.")
@click.option("--electrum-host", help="Address to listen on.")
@click.option("--electrum-port", type=int, help="Port to listen on; 0 for TLS only.")
@click.option("--electrum-tls-port", type=int, help="Port to listen on with TLS.")
@click.option("--electrum-tls-certificate", help="PEM file of the certificate and its chain.")
@click.option("--electrum-tls-key", help="PEM file of the certificate's key.")
@click.option("--demo", "of_demo", is_flag=True, help="Serve the demo's chain.")
@explain_errors
def electrum(of_demo: bool, **options: Any) -> None:
    """Serve wallets that speak the Electrum protocol."""
    from webapp.demo.run import demo_settings
    from webapp.electrum.run import run_electrum

    settings = load_settings(**options)
    start_logging(settings.log_level)
    run_electrum(demo_settings(settings) if of_demo else settings)


@main.command(
    epilog=examples(
        "satchel check --sample 100",
        "satchel check --all --network litecoin-main",
        "satchel check --all --demo   # the demo's chain, while the demo is stopped",
    )
)
@click.option("--network", help="Which chain, for example bitcoin-main.")
@click.option("--database-url", help="Where the index is kept.")
@click.option("--node-url", help="Where the node listens.")
@click.option("--all", "every", is_flag=True, help="Check every block and the totals.")
@click.option("--sample", type=click.IntRange(min=1), help="Check that many blocks at random.")
@click.option("--demo", "of_demo", is_flag=True, help="Check the demo's index.")
@explain_errors
def check(every: bool, sample: int | None, of_demo: bool, **options: str | None) -> None:
    """Compare the database with the node's blocks; exit 1 at the first difference."""
    from webapp.commands import run_check
    from webapp.demo.run import demo_settings

    if every == (sample is not None):
        raise click.UsageError("say either --all or --sample N")
    settings = load_settings(**options)
    start_logging(settings.log_level)
    sys.exit(run_check(demo_settings(settings) if of_demo else settings, sample))


@main.group()
def db() -> None:
    """Look after the database."""


@db.command(epilog=examples("satchel db upgrade --network bitcoin-main"))
@click.option("--network", help="Which chain, for example bitcoin-main.")
@click.option("--database-url", help="Where the index is kept.")
@explain_errors
def upgrade(**options: str | None) -> None:
    """Create the tables, or bring them to this version's shape."""
    from webapp.commands import open_database

    settings = load_settings(**options)
    open_database(settings, upgrade=True).dispose()
    click.echo(f"up to date: {describe(settings)['database_url']}")


@main.group()
def token() -> None:
    """Tokens that let API clients ask for more."""


@token.command(epilog=examples("satchel token new"))
def new() -> None:
    """Make an API token. It is shown once; the settings hold its hash."""
    from webapp.tokens import new_token, token_hash

    made = new_token()
    click.echo(f"token: {made}")
    click.echo("Clients send it as:  Authorization: Bearer <token>")
    click.echo("Add its hash to the setting api_tokens (several by commas):")
    click.echo(token_hash(made))


@main.group()
def user() -> None:
    """People's accounts on this server."""


password_fd = click.option(
    "--password-fd",
    type=click.IntRange(min=0),
    help="Read the password from this file descriptor instead of asking.",
)


@user.command(
    epilog=examples("satchel user add ann", "satchel user add ann --password-fd 3 3< password.txt")
)
@click.argument("name")
@password_fd
@explain_errors
def add(name: str, password_fd: int | None) -> None:
    """Make an account. The password is asked for."""
    from webapp.accounts.commands import add_user

    add_user(load_settings(), name, password_fd)


@user.command("list", epilog=examples("satchel user list"))
@explain_errors
def list_() -> None:
    """Print the names of all accounts."""
    from webapp.accounts.commands import list_users

    list_users(load_settings())


@user.command(epilog=examples("satchel user password ann"))
@click.argument("name")
@password_fd
@explain_errors
def password(name: str, password_fd: int | None) -> None:
    """Set a new password and end all sessions of an account."""
    from webapp.accounts.commands import set_password

    set_password(load_settings(), name, password_fd)


@user.command(epilog=examples("satchel user remove ann"))
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@explain_errors
def remove(name: str, yes: bool) -> None:
    """Remove an account and everything that belongs to it."""
    from webapp.accounts.commands import remove_user

    remove_user(load_settings(), name, confirmed=yes)


main.add_command(wallet)


@main.command(epilog=examples("satchel config", "SATCHEL_PORT=9000 satchel config"))
@explain_errors
def config() -> None:
    """Print the settings in force, secrets masked."""
    settings = load_settings()
    click.echo(f"# from {config_file() or 'defaults'} and the environment")
    for name, value in describe(settings).items():
        click.echo(f"{name} = {value}")
