"""Blocks: the list, one block with its transactions, and its bytes to download."""

from dataclasses import dataclass

from flask import Blueprint, Response, abort, make_response, redirect, render_template, url_for
from flask_babel import gettext as _

from indexer.chain.encoding import EncodingError, hash_from_hex, hash_hex
from indexer.queries.blocks import (
    BlockDetail,
    BlockList,
    FeeRates,
    TxLine,
    block_fee_rates,
    block_transactions,
    find_block,
    hash_at,
    height_at,
    list_blocks,
)
from indexer.raw import RawUnavailableError
from webapp.caching import cached
from webapp.charts import Drawing
from webapp.context import connection, network, pulse, raw
from webapp.fee_bands import fee_chart
from webapp.live import watch
from webapp.parameters import day_end, whole_number

BLOCKS_PER_PAGE = 25
TRANSACTIONS_PER_PAGE = 50
SETTLED_DEPTH = 100  # blocks below the tip that no reorganisation of ours has ever reached
HASH_HEX = 64

blueprint = Blueprint("blocks", __name__)


@dataclass(frozen=True, slots=True)
class BlockPage:
    """`transactions` are the lines from position `first` on; of a stale block only txids."""

    block: BlockDetail
    subsidy: int
    rates: FeeRates | None
    fee_chart: Drawing | None
    transactions: tuple[TxLine, ...]
    stale_txids: tuple[bytes, ...]
    stale_reason: str | None  # why the txids of a stale block cannot be shown
    first: int
    per_page: int = TRANSACTIONS_PER_PAGE

    @property
    def next_first(self) -> int | None:
        after = self.first + self.per_page
        return after if after < self.block.summary.tx_count else None

    @property
    def previous_first(self) -> int | None:
        return max(0, self.first - self.per_page) if self.first else None


@blueprint.get("/blocks")
def show_list() -> Response:
    watch("tip", "reorg")
    start = whole_number("before")
    day = day_end("date")
    if day is not None:
        start = height_at(connection(), day)
        if start is None:
            abort(404, _("No block is that old. The first one is at the end of the list."))
    page: BlockList = list_blocks(connection(), start, BLOCKS_PER_PAGE)
    state = pulse()
    return cached(
        render_template("blocks/list.html", page=page),
        "blocks",
        start,
        state.chain_generation if state else None,
    )


@blueprint.get("/block/<reference>")
def show(reference: str) -> Response:
    if reference.isascii() and reference.isdigit() and len(reference) < HASH_HEX:
        return _redirect_to_height(int(reference))
    watch("tip", "reorg")
    block = _find(reference)
    first = whole_number("from", default=0) or 0
    if first >= max(1, block.summary.tx_count):
        abort(404, _("This block has only %(count)s transactions.", count=block.summary.tx_count))
    page = _page(block, first)
    state = pulse()
    settled = block.confirmations > SETTLED_DEPTH
    return cached(
        render_template("blocks/block.html", page=page),
        "block",
        block.summary.hash,
        first,
        None if settled or state is None else state.chain_generation,
        settled=settled,
    )


@blueprint.get("/block/<reference>/raw")
def download(reference: str) -> Response:
    """The block as on the wire."""
    block = _find(reference)
    body = raw().block(connection(), block.summary.hash)
    return _download(body, f"{network().name}-{hash_hex(block.summary.hash)}.block")


@blueprint.get("/block/<reference>/header")
def download_header(reference: str) -> Response:
    """The 80 bytes that the proof of work covers."""
    block = _find(reference)
    return _download(
        block.header.serialize80(), f"{network().name}-{hash_hex(block.summary.hash)}.header"
    )


def _redirect_to_height(height: int) -> Response:
    found = hash_at(connection(), height) if height < 2**31 else None
    if found is None:
        abort(404, _("The chain has no block at height %(height)s yet.", height=height))
    response = make_response(redirect(url_for("blocks.show", reference=hash_hex(found))))
    response.cache_control.no_cache = True
    return response


def _find(reference: str) -> BlockDetail:
    try:
        block_hash = hash_from_hex(reference)
    except EncodingError:
        abort(404, _("A block goes by its height or by its hash of 64 hexadecimal digits."))
    block = find_block(connection(), block_hash)
    if block is None:
        abort(404, _("No block with this hash is known here."))
    return block


def _page(block: BlockDetail, first: int) -> BlockPage:
    summary = block.summary
    lines: tuple[TxLine, ...] = ()
    txids: tuple[bytes, ...] = ()
    reason = None
    rates = None
    if summary.stale:
        try:
            known = raw().positions(connection(), summary.hash)
            txids = tuple(known)[first : first + TRANSACTIONS_PER_PAGE]
        except RawUnavailableError as error:
            reason = str(error)
    else:
        rates = block_fee_rates(connection(), summary.height)
        lines = block_transactions(connection(), summary.height, first, TRANSACTIONS_PER_PAGE)
    return BlockPage(
        block=block,
        subsidy=network().subsidy(summary.height),
        rates=rates,
        fee_chart=fee_chart(rates),
        transactions=lines,
        stale_txids=txids,
        stale_reason=reason,
        first=first,
    )


def _download(body: bytes, name: str) -> Response:
    response = make_response(body)
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.cache_control.public = True
    response.cache_control.immutable = True
    response.cache_control.max_age = 31_536_000
    return response
