"""A wallet's history: filtered, page by page, as a file; and the labels in it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from wallet.labels import LabelRecord
from webapp.accounts.context import accounts, login_required
from webapp.charts import LEAST_DRAWN, Drawing, line_chart
from webapp.context import connection, services
from webapp.formatting import amount_brief
from webapp.limits import costly
from webapp.live import watch
from webapp.parameters import whole_number
from webapp.topics import wallet_topic
from webapp.wallets.csv_export import history_csv
from webapp.wallets.history import Direction, Filter, Reader
from webapp.wallets.labels import find_labels
from webapp.wallets.opening import open_wallet, opener
from webapp.wallets.rows import HistoryRow, describe
from webapp.wallets.snapshot import Snapshot
from webapp.wallets.vanished import Vanished, vanished

LONGEST_SEARCH = 200

blueprint = Blueprint("wallet_history", __name__)


@dataclass(frozen=True, slots=True)
class FilterForm:
    """What was typed, and what is wrong with it: field -> sentence."""

    text: str
    direction: str
    since: str
    until: str
    account: str
    errors: dict[str, str]

    @property
    def active(self) -> bool:
        return any((self.text, self.direction, self.since, self.until, self.account))

    @property
    def query(self) -> dict[str, str]:
        """Parameters that lead back here."""
        named = {
            "text": self.text,
            "direction": self.direction,
            "since": self.since,
            "until": self.until,
            "account": self.account,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """What the template shows. `newest` and `older` are paths of the neighbouring pages."""

    snapshot: Snapshot
    form: FilterForm
    pending: tuple[HistoryRow, ...]
    rows: tuple[HistoryRow, ...]
    newest: str | None
    older: str | None
    chart: Drawing | None
    vanished: tuple[Vanished, ...]


@blueprint.get("/wallets/<int:wallet_id>")
@login_required
def show(wallet_id: int) -> ResponseReturnValue:
    snapshot = open_wallet(wallet_id)
    form, wanted = _read_filter(snapshot)
    before = whole_number("before")
    with accounts().read() as reading:
        found = Reader(connection(), snapshot, wanted, _labels(snapshot, wanted)).page(before)
        pending, rows = (
            describe(connection(), reading, snapshot, part)
            for part in (found.pending, found.entries)
        )
    watch("tip", wallet_topic(wallet_id))
    whole = not form.active and before is None
    page = HistoryPage(
        snapshot,
        form,
        pending,
        rows,
        newest=None if before is None else _path(wallet_id, form),
        older=None
        if found.next_before is None
        else _path(wallet_id, form, before=found.next_before),
        chart=_chart(snapshot) if whole else None,
        vanished=vanished(connection(), snapshot) if whole and not snapshot.loading else (),
    )
    return render_template("wallets/history.html", page=page)


@blueprint.get("/wallets/<int:wallet_id>/history.csv")
@login_required
@costly
def export(wallet_id: int) -> ResponseReturnValue:
    """The confirmed transactions that the filter lets through, newest first."""
    snapshot = open_wallet(wallet_id)
    form, wanted = _read_filter(snapshot)
    if form.errors:
        return redirect(_path(wallet_id, form), code=303)
    labels = _labels(snapshot, wanted)
    opening, database = opener(), services().database

    def pieces() -> Iterator[str]:
        """In a transaction of its own, for the request's is over when the answer is sent."""
        with database.read() as index:
            fresh = opening.at(index).open(snapshot.wallet)
            yield from history_csv(opening.database, fresh, Reader(index, fresh, wanted, labels))

    response = Response(pieces(), content_type="text/csv; charset=utf-8")
    name = f"wallet-{wallet_id}-history.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _labels(snapshot: Snapshot, wanted: Filter) -> list[LabelRecord]:
    """Those that hold the text that is looked for."""
    if not wanted.text:
        return []
    with accounts().read() as reading:
        return list(find_labels(reading, snapshot.wallet.id, wanted.text))


def _read_filter(snapshot: Snapshot) -> tuple[FilterForm, Filter]:
    """The form as it was typed; of what is wrong in it nothing is filtered."""
    typed = {
        name: request.args.get(name, "").strip()
        for name in ("text", "direction", "since", "until", "account")
    }
    errors: dict[str, str] = {}
    since, until = (_day(name, typed[name], errors) for name in ("since", "until"))
    if since is not None and until is not None and until < since:
        errors["until"] = _("The last day lies before the first.")
    if len(typed["text"]) > LONGEST_SEARCH:
        errors["text"] = _("At most %(count)s characters can be looked for.", count=LONGEST_SEARCH)
    known = {str(each.account.id): each.account.id for each in snapshot.accounts}
    if typed["account"] and typed["account"] not in known:
        errors["account"] = _("The wallet has no such account.")
    if typed["direction"] not in ("", "in", "out"):
        errors["direction"] = _("Choose received or sent.")
    form = FilterForm(**typed, errors=errors)
    if errors:
        return form, Filter()
    return form, Filter(
        text=typed["text"],
        direction=cast(Direction, typed["direction"]) or None,
        since=None if since is None else _first_second(since),
        until=None if until is None else _first_second(until + timedelta(days=1)),
        account_id=known.get(typed["account"]),
    )


def _day(name: str, text: str, errors: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        errors[name] = _("“%(value)s” is no day; expected one as 2009-01-03.", value=text[:40])
        return None
    if not 1970 <= day.year < 9999:
        errors[name] = _("A day between 1970 and 9998 is expected.")
        return None
    return day


def _first_second(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _path(wallet_id: int, form: FilterForm, **more: int) -> str:
    query = urlencode({**form.query, **more})
    address = url_for("wallet_history.show", wallet_id=wallet_id)
    return f"{address}?{query}#history" if query else f"{address}#history"


def _chart(snapshot: Snapshot) -> Drawing | None:
    points: list[tuple[float, float]] = []
    for point in snapshot.settled.chart:
        moment = max(point.time, points[-1][0] if points else 0)  # block times may run backwards
        points.append((moment, point.balance))
    if len(points) < LEAST_DRAWN:
        return None
    points.append((max(time.time(), points[-1][0]), points[-1][1]))
    return line_chart(
        _("Since the first transaction"),
        points,
        columns=(_("Time"), _("Balance")),
        show=lambda value: amount_brief(round(value)),
        show_x=lambda value: time.strftime("%Y-%m-%d %H:%M", time.gmtime(value)),
        steps=True,
    )
