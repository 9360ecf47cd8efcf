"""The command `satchel electrum`: open the parts, serve until told to stop, close them."""

import asyncio
import resource
import signal
import ssl

import click

from indexer.raw import RawSource
from indexer.replica import ReadDatabase
from webapp.broadcast import open_broadcaster
from webapp.commands import open_database, open_node, open_replica
from webapp.config import EMBEDDED, ConfigError, Settings
from webapp.electrum.call import Sources
from webapp.electrum.limits import Limits
from webapp.electrum.server import ElectrumServer

OTHER_FILES = 200  # databases, logs, the node


def run_electrum(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    tls = tls_context(settings)
    database = open_database(settings, upgrade=False)
    replica = open_replica(settings)
    node = None if settings.node == EMBEDDED else open_node(settings)
    try:
        database.require_schema()
        network = settings.chain_network
        broadcaster = open_broadcaster(settings, node)
        reads = ReadDatabase(database, replica)
        sources = Sources(network, reads, RawSource(network, node), broadcaster)
        asyncio.run(_serve(settings, sources, tls))
    finally:
        if node is not None:
            node.close()
        database.dispose()
        if replica is not None:
            replica.dispose()


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None without a certificate. Raises ConfigError."""
    if settings.electrum_tls_certificate is None or settings.electrum_tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.electrum_tls_certificate, settings.electrum_tls_key)
    except OSError as error:
        raise ConfigError(
            f"electrum_tls_certificate: found {str(settings.electrum_tls_certificate)!r}, expected "
            f"a PEM file that can be read, and its key in electrum_tls_key ({error})"
        ) from error
    return context


async def _serve(settings: Settings, sources: Sources, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _allow_many_connections()
    server = ElectrumServer(sources)
    try:
        for name, port, context in (
            ("electrum_port", settings.electrum_port, None),
            ("electrum_tls_port", settings.electrum_tls_port, tls),
        ):
            if port:
                await _listen(server, name, settings.electrum_host, port, context)
        await stop.wait()
    finally:
        await server.close()


def _allow_many_connections() -> None:
    """Each one is a file to the system, which often starts programs with a limit of 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = Limits().connections + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


async def _listen(
    server: ElectrumServer, name: str, host: str, port: int, tls: ssl.SSLContext | None
) -> None:
    try:
        await server.listen(host, port, tls)
    except OSError as error:
        raise ConfigError(
            f"{name}: found {host}:{port}, which cannot be used ({error.strerror}); "
            "expected a free port"
        ) from error
    click.echo(f"Electrum server ready: {host}:{port}:{'s' if tls else 't'}  (Ctrl-C stops it)")
