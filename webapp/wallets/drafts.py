"""Payments on their way: typed, signed, sent or given up. Nothing typed is lost on the way."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from indexer.chain.encoding import Transaction, parse_transaction
from indexer.chain.network import Network
from webapp.accounts.schema import draft
from webapp.wallets.send_form import SendForm, as_json, of_json

MOST_LISTED = 50


class DraftState(StrEnum):
    OPEN = "open"
    SIGNED = "signed"  # its transaction is complete, and may be sent at any moment
    SENT = "sent"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Draft:
    """`replaces` is the txid of the transaction that this one bumps or cancels. `error` says in
    words why the last attempt to send it failed. Times in seconds since 1970."""

    id: int
    wallet_id: int
    state: DraftState
    form: SendForm
    psbt: bytes | None
    raw: bytes | None
    txid: bytes | None
    replaces: bytes | None
    error: str | None
    created_at: int
    updated_at: int


def create(
    connection: Connection,
    wallet_id: int,
    form: SendForm,
    psbt: bytes | None = None,
    replaces: bytes | None = None,
) -> int:
    """A new open draft; its number."""
    now = int(time.time())
    number: int = connection.execute(
        insert(draft)
        .values(
            wallet_id=wallet_id,
            state=DraftState.OPEN.value,
            form=as_json(form),
            psbt=psbt,
            replaces=replaces,
            created_at=now,
            updated_at=now,
        )
        .returning(draft.c.id)
    ).scalar_one()
    return number


def find(connection: Connection, wallet_id: int, draft_id: int) -> Draft | None:
    row = connection.execute(
        select(draft).where(draft.c.id == draft_id, draft.c.wallet_id == wallet_id)
    ).one_or_none()
    return None if row is None else _of_row(row)


def unfinished(connection: Connection, wallet_id: int) -> tuple[Draft, ...]:
    """Those open or signed, the latest first."""
    rows = connection.execute(
        select(draft)
        .where(
            draft.c.wallet_id == wallet_id,
            draft.c.state.in_([DraftState.OPEN.value, DraftState.SIGNED.value]),
        )
        .order_by(draft.c.updated_at.desc(), draft.c.id.desc())
        .limit(MOST_LISTED)
    )
    return tuple(map(_of_row, rows))


def sent_as(connection: Connection, wallet_id: int, txid: bytes) -> Draft | None:
    """The draft that became this transaction."""
    row = connection.execute(
        select(draft)
        .where(draft.c.wallet_id == wallet_id, draft.c.txid == txid)
        .order_by(draft.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _of_row(row)


def revise(
    connection: Connection,
    draft_id: int,
    form: SendForm,
    psbt: bytes | None,
    replaces: bytes | None = None,
) -> bool:
    """Type an open draft anew; False where it is open no more."""
    return _change(
        connection,
        draft_id,
        DraftState.OPEN,
        form=as_json(form),
        psbt=psbt,
        replaces=replaces,
        error=None,
    )


def sign(connection: Connection, draft_id: int, psbt: bytes, raw: bytes, txid: bytes) -> bool:
    """Keep the complete transaction, before it is sent; False where the draft is open no more."""
    return _change(
        connection,
        draft_id,
        DraftState.OPEN,
        state=DraftState.SIGNED.value,
        psbt=psbt,
        raw=raw,
        txid=txid,
    )


def note_error(connection: Connection, draft_id: int, error: str) -> bool:
    """Why a signed draft was not sent."""
    return _change(connection, draft_id, DraftState.SIGNED, error=error)


def mark_sent(connection: Connection, draft_id: int) -> bool:
    return _change(connection, draft_id, DraftState.SIGNED, state=DraftState.SENT.value, error=None)


def abandon(connection: Connection, draft_id: int) -> bool:
    """Give up a draft that was not sent; False where it was."""
    return any(
        _change(connection, draft_id, state, state=DraftState.ABANDONED.value)
        for state in (DraftState.OPEN, DraftState.SIGNED)
    )


def _change(connection: Connection, draft_id: int, was: DraftState, **values: Any) -> bool:
    """Change a draft that is in a state; whether it was."""
    result = connection.execute(
        update(draft)
        .where(draft.c.id == draft_id, draft.c.state == was.value)
        .values(updated_at=int(time.time()), **values)
    )
    return result.rowcount == 1


def _of_row(row: Row[Any]) -> Draft:
    return Draft(
        id=row.id,
        wallet_id=row.wallet_id,
        state=DraftState(row.state),
        form=of_json(row.form),
        psbt=_bytes(row.psbt),
        raw=_bytes(row.raw),
        txid=_bytes(row.txid),
        replaces=_bytes(row.replaces),
        error=row.error,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def signed_transactions(
    connection: Connection, wallet_id: int, network: Network
) -> tuple[Transaction, ...]:
    """Those that wait to be sent."""
    return tuple(
        parse_transaction(each.raw, network)
        for each in unfinished(connection, wallet_id)
        if each.raw is not None
    )
