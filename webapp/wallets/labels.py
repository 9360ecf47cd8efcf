"""What people call their transactions, addresses and coins; and files of labels (BIP329)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from indexer.chain.encoding import hash_from_hex, hash_hex
from indexer.chain.network import Network
from wallet.labels import MAX_LABEL, LabelRecord, LabelType, read_labels
from webapp.accounts.schema import frozen_coin, label, wallet
from webapp.formatting import number
from webapp.wallets.store import lock_row

MOST_LABELS = 100_000  # of one wallet, and as many frozen coins
REFS_AT_ONCE = 500

Key = tuple[LabelType, str]


class LabelError(ValueError):
    """A label that cannot be kept. The message is shown to people."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file's records."""

    added: int
    changed: int
    same: int
    frozen: int
    released: int


def labels_for(connection: Connection, wallet_id: int, refs: Iterable[Key]) -> dict[Key, str]:
    """The labels of these things, those without one left out."""
    wanted = list(dict.fromkeys(refs))
    found: dict[Key, str] = {}
    for start in range(0, len(wanted), REFS_AT_ONCE):
        part = wanted[start : start + REFS_AT_ONCE]
        rows = connection.execute(
            select(label.c.type, label.c.ref, label.c.label).where(
                label.c.wallet_id == wallet_id, label.c.ref.in_({ref for _kind, ref in part})
            )
        )
        found |= {(LabelType(kind), ref): text for kind, ref, text in rows}
    return {key: found[key] for key in wanted if key in found}


def all_labels(connection: Connection, wallet_id: int) -> Iterator[LabelRecord]:
    """Every label of a wallet, then the coins that are frozen without having one."""
    frozen = {
        f"{hash_hex(bytes(row.txid))}:{row.vout}"
        for row in connection.execute(
            select(frozen_coin).where(frozen_coin.c.wallet_id == wallet_id)
        )
    }
    rows = connection.execute(
        select(label).where(label.c.wallet_id == wallet_id).order_by(label.c.type, label.c.ref)
    )
    for row in rows:
        spendable = None
        if row.type == LabelType.OUTPUT and row.ref in frozen:
            frozen.discard(row.ref)
            spendable = False
        yield LabelRecord(LabelType(row.type), row.ref, row.label, row.origin, spendable)
    for ref in sorted(frozen):
        yield LabelRecord(LabelType.OUTPUT, ref, None, spendable=False)


def find_labels(connection: Connection, wallet_id: int, text: str) -> Iterator[LabelRecord]:
    """Labels that hold this text, whatever its letter case."""
    wanted = text.casefold()
    for record in all_labels(connection, wallet_id):
        if record.label is not None and wanted in record.label.casefold():
            yield record


def checked_record(kind: str, ref: str, text: str, network: Network) -> LabelRecord:
    """One label as BIP329 has it. Raises LabelError."""
    text = " ".join(text.split())  # one line, as files of labels have it
    if len(text) > MAX_LABEL:
        raise LabelError(
            _(
                "At most %(count)s characters; these are %(found)s.",
                count=MAX_LABEL,
                found=len(text),
            )
        )
    line = json.dumps({"type": kind, "ref": ref, "label": text}).encode()
    found = read_labels(line, network)
    if not found.records:
        raise LabelError(found.problems[0].message)
    return found.records[0]


def set_label(connection: Connection, wallet_id: int, record: LabelRecord) -> None:
    """Keep a label, or forget it where it is empty. Raises LabelError where there are too many."""
    lock_row(connection, wallet, wallet_id)
    _write(connection, wallet_id, _current(connection, wallet_id), [record])


def import_labels(
    connection: Connection, wallet_id: int, records: Sequence[LabelRecord]
) -> ImportReport:
    """Take over what a file says; it goes before what was written here. Raises LabelError where
    that would be too many labels: then nothing is taken over."""
    named = [record for record in records if record.label is not None]
    lock_row(connection, wallet, wallet_id)
    before = _current(connection, wallet_id)
    added, changed, same = _write(connection, wallet_id, before, named)
    frozen, released = _freeze_all(connection, wallet_id, records)
    return ImportReport(added, changed, same, frozen, released)


def freeze(connection: Connection, wallet_id: int, outpoint: str, *, frozen: bool) -> bool:
    """Freeze the coin txid:vout, or release it; False where it was so already."""
    lock_row(connection, wallet, wallet_id)
    record = LabelRecord(LabelType.OUTPUT, outpoint, None, spendable=not frozen)
    return any(_freeze_all(connection, wallet_id, [record]))


def _freeze_all(
    connection: Connection, wallet_id: int, records: Sequence[LabelRecord]
) -> tuple[int, int]:
    """How many coins were frozen, and how many released."""
    before = frozen_coins(connection, wallet_id)
    wanted: dict[tuple[bytes, int], bool] = {}
    for record in records:
        if record.spendable is not None:
            txid, _colon, vout = record.ref.partition(":")
            wanted[hash_from_hex(txid), int(vout)] = not record.spendable
    new = [coin for coin, frozen in wanted.items() if frozen and coin not in before]
    gone = [coin for coin, frozen in wanted.items() if not frozen and coin in before]
    if len(before) + len(new) - len(gone) > MOST_LABELS:
        raise _too_many()
    if new:
        rows = [{"wallet_id": wallet_id, "txid": txid, "vout": vout} for txid, vout in new]
        connection.execute(insert(frozen_coin), rows)
    for coin in gone:
        is_it = (frozen_coin.c.txid == coin[0], frozen_coin.c.vout == coin[1])
        connection.execute(delete(frozen_coin).where(frozen_coin.c.wallet_id == wallet_id, *is_it))
    return len(new), len(gone)


def _too_many() -> LabelError:
    return LabelError(
        _("A wallet can have %(count)s labels; these would be more.", count=number(MOST_LABELS))
    )


def frozen_coins(connection: Connection, wallet_id: int) -> frozenset[tuple[bytes, int]]:
    """Outpoints that are not to be spent."""
    rows = connection.execute(
        select(frozen_coin.c.txid, frozen_coin.c.vout).where(frozen_coin.c.wallet_id == wallet_id)
    )
    return frozenset((bytes(row.txid), row.vout) for row in rows)


def _current(connection: Connection, wallet_id: int) -> dict[Key, tuple[str, str | None]]:
    rows = connection.execute(
        select(label.c.type, label.c.ref, label.c.label, label.c.origin).where(
            label.c.wallet_id == wallet_id
        )
    )
    return {(LabelType(row.type), row.ref): (row.label, row.origin) for row in rows}


def _write(
    connection: Connection,
    wallet_id: int,
    before: dict[Key, tuple[str, str | None]],
    records: Sequence[LabelRecord],
) -> tuple[int, int, int]:
    """How many were added, changed (or removed), and the same already."""
    wanted: dict[Key, tuple[str, str | None]] = {}
    for each in records:
        key = (each.type, each.ref)
        wanted[key] = each.label or "", each.origin or before.get(key, ("", None))[1]
    gone = [key for key, (text, _origin) in wanted.items() if not text and key in before]
    new = {key: value for key, value in wanted.items() if value[0] and key not in before}
    other = {
        key: value
        for key, value in wanted.items()
        if value[0] and key in before and value != before[key]
    }
    if len(before) + len(new) - len(gone) > MOST_LABELS:
        raise _too_many()
    if new:
        connection.execute(insert(label), [_row(wallet_id, key, new[key]) for key in new])
    for key, (text, origin) in other.items():
        connection.execute(
            update(label).where(*_is(wallet_id, key)).values(label=text, origin=origin)
        )
    for key in gone:
        connection.execute(delete(label).where(*_is(wallet_id, key)))
    return len(new), len(other) + len(gone), len(wanted) - len(new) - len(other) - len(gone)


def _row(wallet_id: int, key: Key, value: tuple[str, str | None]) -> dict[str, object]:
    return {
        "wallet_id": wallet_id,
        "type": key[0].value,
        "ref": key[1],
        "label": value[0],
        "origin": value[1],
    }


def _is(wallet_id: int, key: Key) -> list[ColumnElement[bool]]:
    return [label.c.wallet_id == wallet_id, label.c.type == key[0].value, label.c.ref == key[1]]
