"""A wallet's history as CSV, for spreadsheets and books."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Final

from indexer.chain.encoding import hash_hex
from indexer.database import Database
from wallet.labels import LabelType
from webapp.wallets.history import Entry, Reader
from webapp.wallets.labels import labels_for
from webapp.wallets.snapshot import Snapshot

LINES_AT_ONCE: Final = 1000
COLUMNS: Final = (
    "time", "txid", "label", "received", "sent", "fee", "balance", "height", "unit",
)  # fmt: skip
# A cell that begins so is taken for a formula by spreadsheets.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def history_csv(accounts: Database, snapshot: Snapshot, reader: Reader) -> Iterator[str]:
    """The file in pieces. Amounts are in coins; a fee is given where the wallet paid it."""
    entries = reader.confirmed()
    yield _written([COLUMNS])
    while part := list(islice(entries, LINES_AT_ONCE)):
        refs = [(LabelType.TX, hash_hex(entry.txid)) for entry in part]
        with accounts.read() as reading:
            labels = labels_for(reading, snapshot.wallet.id, refs)
        yield _written(
            [
                _row(entry, labels.get(ref, ""), snapshot)
                for entry, ref in zip(part, refs, strict=True)
            ]
        )


def _written(rows: list[tuple[object, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _row(entry: Entry, label: str, snapshot: Snapshot) -> tuple[object, ...]:
    def coins(amount: int | None) -> str:
        if amount is None:
            return ""
        return f"{Decimal(amount).scaleb(-snapshot.network.decimals):f}"

    return (
        datetime.fromtimestamp(entry.time, UTC).isoformat(),
        hash_hex(entry.txid),
        no_formula(label),
        coins(entry.received),
        coins(entry.sent),
        coins(entry.fee),
        coins(entry.balance),
        entry.height,
        snapshot.network.unit,
    )


def no_formula(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would compute it."""
    return (
        f"'{text}"
        if text.lstrip().startswith(FORMULA_STARTS) or text[:1] in FORMULA_STARTS
        else text
    )
