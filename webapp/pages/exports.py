"""Transactions of an address or a block as CSV, for spreadsheets and books."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from flask import Blueprint, Response, abort, stream_with_context
from flask_babel import gettext as _

from indexer.chain.address import AddressError, script_of
from indexer.chain.encoding import EncodingError, hash_from_hex, hash_hex
from indexer.queries.blocks import TxLine, block_transactions, find_block
from indexer.queries.pulse import read_pulse
from indexer.queries.scripts import HistoryEntry, history, totals
from indexer.replica import ReadDatabase
from webapp.api.describe import CSV, describe
from webapp.context import close_connection, connection, network, required_pulse, services
from webapp.limits import costly

LINES_AT_ONCE: Final = 1000

HISTORY_COLUMNS: Final = (
    "time", "height", "position", "txid", "received", "sent", "change", "balance", "unit",
)  # fmt: skip
BLOCK_COLUMNS: Final = (
    "position", "txid", "fee", "vsize", "weight", "inputs", "outputs", "output_value", "unit",
)  # fmt: skip

blueprint = Blueprint("exports", __name__)


class ReorganisedError(Exception):
    """The chain changed below what was already written: the file must not look complete."""


@blueprint.get("/address/<address>/transactions.csv")
@costly
@describe(str, media=CSV, errors=(404,))
def address_transactions(address: str) -> Response:
    """All confirmed transactions of an address as CSV, newest first.

    Amounts are in coins. The balance is the one after the transaction."""
    try:
        script = script_of(address, network())
    except AddressError as error:
        abort(404, str(error))
    state = required_pulse()
    if state.loading:
        abort(503, _("The list of transactions is available once the index is complete."))
    close_connection(None)  # not to be held as long as the client takes to read
    pages = _history_pages(services().reads, script)
    return _stream(HISTORY_COLUMNS, map(_history_row, pages), f"{address}-transactions.csv")


@blueprint.get("/block/<block_hash>/transactions.csv")
@costly
@describe(str, media=CSV, errors=(404,))
def block_csv(block_hash: str) -> Response:
    """All transactions of a block of the best chain as CSV. Amounts are in coins."""
    try:
        found = find_block(connection(), hash_from_hex(block_hash))
    except EncodingError:
        found = None
    if found is None or found.summary.stale:
        abort(404, _("No block with this hash is part of the chain."))
    height, count = found.summary.height, found.summary.tx_count
    lines = (
        line
        for first in range(0, count, LINES_AT_ONCE)
        for line in block_transactions(connection(), height, first, LINES_AT_ONCE)
    )
    return _stream(BLOCK_COLUMNS, map(_block_row, lines), f"block-{height}-transactions.csv")


def _history_pages(database: ReadDatabase, script: bytes) -> Iterator[HistoryEntry]:
    """Page by page, each in a transaction of its own: whoever reads slowly holds none open."""
    before: int | None = None
    balance: int | None = None
    last_reorg_at: int | None = None
    while True:
        with database.read() as reading:
            state = read_pulse(reading)
            reorg = None if state is None else state.last_reorg_at
            if before is None:
                balance, last_reorg_at = totals(reading, script).unspent, reorg
            elif reorg != last_reorg_at:
                raise ReorganisedError
            page = history(reading, script, limit=LINES_AT_ONCE, before=before, balance=balance)
        yield from page
        if len(page) < LINES_AT_ONCE:
            return
        before = page[-1].tx_id
        balance = (page[-1].balance or 0) - page[-1].delta


def _stream(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]], name: str) -> Response:
    def text() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(columns)
        for number, row in enumerate(rows, 1):
            writer.writerow(row)
            if number % LINES_AT_ONCE == 0:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    response = Response(stream_with_context(text()), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _history_row(entry: HistoryEntry) -> tuple[object, ...]:
    return (
        datetime.fromtimestamp(entry.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        entry.height,
        entry.position,
        hash_hex(entry.txid),
        _coins(entry.received),
        _coins(entry.sent),
        _coins(entry.delta),
        "" if entry.balance is None else _coins(entry.balance),
        network().unit,
    )


def _block_row(line: TxLine) -> tuple[object, ...]:
    return (
        line.position,
        hash_hex(line.txid),
        _coins(line.fee),
        line.vsize,
        line.weight,
        line.input_count,
        line.output_count,
        _coins(line.output_value),
        network().unit,
    )


def _coins(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-network().decimals):f}"
