"""A page with every component in it, and hostile content, to test the frame without a chain."""

import time

from flask import Blueprint, Flask, Response, abort, render_template, request
from sqlalchemy import delete, insert, update

from indexer.chain.network import get_network
from indexer.database import Database
from indexer.schema import state
from tests.apps import app_for
from webapp.caching import cached
from webapp.charts import Item, bar_chart, line_chart
from webapp.config import Settings
from webapp.context import pulse
from webapp.formatting import amount_brief, number
from webapp.live import watch

blueprint = Blueprint("showcase", __name__, template_folder="templates")

TIP = bytes(range(32))
TXID = "ab" * 32
HOSTILE = '<b hx-get="/evil" hx-trigger="load">\u202egnp.exe\u0000\u200b</b>'

evil_hits: list[str] = []


@blueprint.get("/showcase")
def show() -> str:
    watch("tip", "mempool", f"tx:{TXID}")
    bars = [Item(f"{rate} sat/vB", (rate * 37) % 91 + 4, 1 + rate % 4) for rate in range(1, 25)]
    histogram = bar_chart(
        "Virtual size by fee rate",
        bars,
        columns=("Fee rate", "vB"),
        show=number,
    )
    balance = line_chart(
        "Balance",
        [(index, (index * 7919) % 50 * 10**8 + 10**8) for index in range(40)],
        columns=("Day", "Balance"),
        show=lambda value: amount_brief(int(value)),
        show_x=lambda day: f"day {int(day)}",
        steps=True,
    )
    now = pulse()
    newest = now.tip_height - 304 if now else 8
    return render_template(
        "showcase.html",
        histogram=histogram,
        balance=balance,
        now=int(time.time()),
        hostile=HOSTILE,
        rows={number: bytes([number] * 31 + [7]) for number in range(newest, newest - 8, -1)},
    )


@blueprint.get("/expected")
def expected() -> str:
    """Not there until block 313 is."""
    watch("tip")
    now = pulse()
    if now is None or now.tip_height < 313:
        abort(404)
    return render_template("expected.html")


@blueprint.get("/kept")
def kept() -> Response:
    """As a page of the chain: the browser asks whether it has changed."""
    return cached(render_template("expected.html"), "kept")


@blueprint.get("/evil")
def evil() -> str:
    evil_hits.append(request.full_path)
    return "evil"


@blueprint.get("/injected")
def injected() -> str:
    """As if escaping had failed: the label's markup is in the page."""
    return render_template("injected.html")


@blueprint.get("/broken")
def broken() -> str:
    raise RuntimeError("a secret of the server")


@blueprint.get("/refused/<int:status>")
def refused(status: int) -> str:
    abort(status)


def showcase_app(database: Database, **settings: object) -> Flask:
    """The app with the showcase among its pages."""
    app = app_for(Settings(network="bitcoin-regtest", **settings), database)  # type: ignore[arg-type]
    app.register_blueprint(blueprint)
    return app


def write_state(database: Database, **changes: object) -> None:
    """Put the state row there, healthy but for `changes`."""
    now = int(time.time())
    network = get_network("bitcoin-regtest")
    row = {
        "id": 1, "network": network.name, "genesis": network.genesis_hash, "phase": "follow",
        "tip_height": 312, "tip_hash": TIP, "chain_generation": 313, "mempool_generation": 7,
        "progress": 1.0, "node_height": 312, "node_seen_at": now, "heartbeat_at": now,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(delete(state))
        connection.execute(insert(state).values({**row, **changes}))


def change_state(database: Database, **changes: object) -> None:
    with database.write() as connection:
        connection.execute(update(state).values(changes))
