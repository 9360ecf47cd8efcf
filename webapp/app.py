"""The web app: one factory that joins the parts."""

from importlib.metadata import version

from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from indexer.database import Database
from indexer.node.base import Node
from indexer.raw import RawSource
from indexer.replica import ReadDatabase
from webapp import (
    assets,
    caching,
    chain_formatting,
    context,
    cors,
    errors,
    formatting,
    limits,
    live,
    preferences,
    security,
)
from webapp.accounts import sessions
from webapp.api import (
    esplora_blocks,
    esplora_broadcast,
    esplora_mempool,
    esplora_scripts,
    esplora_transactions,
    openapi,
    v1_addresses,
    v1_blocks,
    v1_fees,
    v1_socket,
    v1_transactions,
)
from webapp.broadcast import open_broadcaster
from webapp.config import Settings
from webapp.pages import (
    account,
    address,
    api_docs,
    blocks,
    contacts,
    exports,
    health,
    home,
    mempool,
    node,
    search,
    transaction,
    wallet_addresses,
    wallet_backup,
    wallet_coins,
    wallet_details,
    wallet_drafts,
    wallet_faucet,
    wallet_history,
    wallet_labels,
    wallet_messages,
    wallet_receive,
    wallet_security,
    wallet_send,
    wallet_setup,
    wallet_transaction,
    wallet_watch,
    wallets,
)
from webapp.parameters import RowNumber
from webapp.wallets import opening
from webapp.wallets.watching import WalletLooks
from webapp.watcher import LiveHub

MAX_READERS = 96  # live streams of one process: server.THREADS leaves as many again for pages
MAX_READERS_PER_CLIENT = 16

PAGES: tuple[Blueprint, ...] = (
    home.blueprint,
    blocks.blueprint,
    transaction.blueprint,
    address.blueprint,
    exports.blueprint,
    api_docs.blueprint,
    search.blueprint,
    mempool.blueprint,
    node.blueprint,
    health.blueprint,
    account.blueprint,
    wallet_faucet.blueprint,
    wallet_send.blueprint,
    wallet_transaction.blueprint,
    wallet_drafts.blueprint,
    wallets.blueprint,
    contacts.blueprint,
    wallet_addresses.blueprint,
    wallet_coins.blueprint,
    wallet_details.blueprint,
    wallet_setup.blueprint,
    wallet_watch.blueprint,
    wallet_backup.blueprint,
    wallet_messages.blueprint,
    wallet_security.blueprint,
    wallet_history.blueprint,
    wallet_receive.blueprint,
    wallet_labels.blueprint,
)

API: tuple[Blueprint, ...] = (
    esplora_transactions.blueprint,
    esplora_scripts.blueprint,
    esplora_blocks.blueprint,
    esplora_mempool.blueprint,
    esplora_broadcast.blueprint,
    v1_fees.blueprint,
    v1_transactions.blueprint,
    v1_addresses.blueprint,
    v1_blocks.blueprint,
    v1_socket.blueprint,
    openapi.blueprint,
)
for _part in API:
    limits.api_limit(_part)


class Site(Flask):
    """Answers a request once more, from the primary, where the replica failed in the middle of it,
    or did not have what was asked for and is not up to date."""

    def dispatch_request(self) -> ResponseReturnValue:
        reads = context.services().reads
        try:
            answer = super().dispatch_request()
            if not (isinstance(answer, Response) and answer.status_code == NotFound.code):
                return answer
            if not (context.reads_replica() and reads.has_newer(context.pulse())):
                return answer
        except DBAPIError as error:
            if not context.reads_replica():
                raise
            reads.leave_replica(error)
        except NotFound:
            if not (context.reads_replica() and reads.has_newer(context.pulse())):
                raise
        context.read_primary()
        return super().dispatch_request()


def create_app(
    settings: Settings,
    database: Database,
    accounts: Database,
    node: Node | None = None,
    *,
    replica: Database | None = None,
    demo: bool = False,
) -> Flask:
    """The pages of one network's index. No connection is made before the first request.

    Public pages are read from `replica`, if there is one, while it answers. Makes the key that
    signs sessions where data_directory has none. Raises ConfigError.
    """
    app = Site(
        "webapp",
        template_folder=str(assets.resource_folder("templates", "templates")),
        static_folder=str(assets.resource_folder("static", "static/dist")),
        static_url_path="/static",
    )
    app.url_map.converters["int"] = RowNumber
    network = settings.chain_network
    keeper = opening.Keeper()
    reads = ReadDatabase(database, replica)
    hub = LiveHub(
        reads,
        max_readers=MAX_READERS,
        max_per_client=MAX_READERS_PER_CLIENT,
        look_at_wallets=WalletLooks(network, accounts, keeper),
    )
    security.install(app)
    broadcaster = open_broadcaster(settings, node)
    context.install(
        app,
        context.Services(
            settings,
            network,
            database,
            reads,
            RawSource(network, node),
            broadcaster,
            hub,
            accounts,
            demo,
        ),
    )
    sessions.install(app, settings.data_directory)
    opening.install(app, keeper)
    for part in (
        assets,
        caching,
        preferences,
        cors,
        limits,
        errors,
        formatting,
        chain_formatting,
        live,
        health,
        v1_socket,
    ):
        part.install(app)
    for blueprint in (*PAGES, *API):
        app.register_blueprint(blueprint)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        path=path,
        network=context.network,
        pulse=context.pulse,
        replica_behind=context.replica_behind,
        version=version("satchel"),
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        proxied = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    return app


def path(absolute: str) -> str:
    """An address of ours as the browser must ask for it, below a proxy's prefix."""
    return f"{request.script_root}{absolute}"
