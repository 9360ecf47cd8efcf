"""An address, or any other script by its hash: balance, history, coins."""

import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.encoding import EncodingError, hash_from_hex, hash_hex
from indexer.queries.pulse import Pulse
from indexer.queries.script_page import HistoryCursor, ScriptPage, script_page
from indexer.queries.scripts import script_with_hash
from webapp.caching import cached
from webapp.charts import LEAST_DRAWN, Drawing, line_chart
from webapp.context import connection, network, required_pulse
from webapp.cursors import read_cursor, write_cursor
from webapp.formatting import amount_brief
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.qr import QrDrawing, draw_qr

blueprint = Blueprint("address", __name__)


@dataclass(frozen=True, slots=True)
class ScriptView:
    """What the template shows. `uri` and `qr` are None for a script without an address."""

    page: ScriptPage
    uri: str | None
    qr: QrDrawing | None
    chart: Drawing | None
    older_history: str | None
    older_coins: str | None


@blueprint.get("/address/<address>")
def show(address: str) -> ResponseReturnValue:
    try:
        script = script_of(address, network())
    except AddressError as error:
        abort(
            404,
            _(
                "“%(address)s” is no address here: %(error)s.",
                address=address[:120],
                error=str(error),
            ),
        )
    written = address_of(script, network())
    if written is not None and written != address:  # capitals, or an old prefix
        return redirect(url_for("address.show", address=written), code=301)
    return _show(script)


@blueprint.get("/script/<script_hash>")
def show_script(script_hash: str) -> ResponseReturnValue:
    """Any script by its hash as the Electrum protocol writes it."""
    try:
        wanted = hash_from_hex(script_hash)
    except EncodingError:
        abort(404, _("A script goes by its scripthash of 64 hexadecimal digits."))
    state = required_pulse()
    if state.loading:
        abort(404, _("Scripts can be found by their hash once the index is complete."))
    script = script_with_hash(connection(), wanted)
    if script is None:
        abort(404, _("No output of the chain or the mempool has a script with this hash."))
    address = address_of(script, network())
    if address is not None:
        return redirect(url_for("address.show", address=address))
    return _show(script)


def _show(script: bytes) -> Response:
    state = required_pulse()
    cursor = _cursor(script, state)
    coins_before = whole_number("coins")
    page = script_page(
        connection(), network(), state, script, cursor=cursor, coins_before=coins_before
    )
    watch(f"address:{hash_hex(page.script_hash)}")
    return cached(
        render_template("address/address.html", view=_view(page, state)),
        "script",
        script,
        cursor,
        coins_before,
        state.chain_generation,
        state.mempool_generation,
    )


def _cursor(script: bytes, state: Pulse) -> HistoryCursor | None:
    text = request.args.get("before")
    if not text:
        return None
    cursor = read_cursor(text, script, state.last_reorg_at)
    if cursor is None:
        abort(
            400,
            _(
                "The parameter “before” is “%(value)s”; expected what the links to older "
                "transactions have.",
                value=text[:100],
            ),
        )
    return cursor


def _view(page: ScriptPage, state: Pulse) -> ScriptView:
    uri = None if page.address is None else f"{page.network.uri_scheme}:{page.address}"
    older = page.next_history
    return ScriptView(
        page=page,
        uri=uri,
        qr=None if uri is None else draw_qr(uri),
        chart=_chart(page),
        older_history=None
        if older is None
        else _path(page, "history", before=write_cursor(older, page.script, state.last_reorg_at)),
        older_coins=None
        if page.next_coins is None
        else _path(page, "coins", coins=page.next_coins),
    )


def _path(page: ScriptPage, anchor: str, **query: Any) -> str:
    if page.address:
        return url_for("address.show", address=page.address, _anchor=anchor, **query)
    name = hash_hex(page.script_hash)
    return url_for("address.show_script", script_hash=name, _anchor=anchor, **query)


def _chart(page: ScriptPage) -> Drawing | None:
    points: list[tuple[float, float]] = []
    for entry in reversed(page.chart):
        moment = max(entry.time, points[-1][0] if points else 0)  # block times may run backwards
        points.append((moment, entry.balance or 0))
    if len(points) < LEAST_DRAWN:
        return None
    points.append((max(time.time(), points[-1][0]), points[-1][1]))
    title = _("Since the first transaction")
    if len(page.chart) < page.totals.tx_count:
        title = _("Over the latest %(count)s transactions", count=len(page.chart))
    return line_chart(
        title,
        points,
        columns=(_("Time"), _("Balance")),
        show=lambda value: amount_brief(round(value)),
        show_x=lambda value: time.strftime("%Y-%m-%d %H:%M", time.gmtime(value)),
        steps=True,
    )
