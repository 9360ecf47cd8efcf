"""The status of a script: a hash that changes whenever its history does.

A long history is hashed once: what is known of its confirmed part is carried on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from indexer.chain.wire import hash_hex
from indexer.queries.script_events import Event, PendingEvent, all_events, pending_events
from indexer.queries.scripts import script_with_hash

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass(frozen=True, slots=True)
class ScriptState:
    """What the status is made of. `confirmed` is only copied, never added to."""

    script: bytes | None = None  # None: nobody ever used it
    confirmed: _Hash | None = None  # over the confirmed part, None if there is none
    last_tx_id: int = -1
    newest_height: int = -1
    pending: tuple[PendingEvent, ...] = ()

    def status(self) -> str | None:
        """As the protocol defines it; None without any history."""
        if self.confirmed is None and not self.pending:
            return None
        whole = sha256() if self.confirmed is None else self.confirmed.copy()
        for event in self.pending:
            whole.update(b"%s:%d:" % (hash_hex(event.txid).encode(), -1 if event.chained else 0))
        return whole.hexdigest()


def history_of(connection: Connection, script: bytes, after: int = -1) -> Iterator[Event]:
    """Confirmed transactions above a tx_id, oldest first.

    The genesis coinbase is none for the protocol, which takes height 0 for "in the mempool".
    """
    return (event for event in all_events(connection, script, after=after) if event.height > 0)


def read_state(connection: Connection, script_hash: bytes) -> ScriptState:
    """How a script stands, from its whole history."""
    script = script_with_hash(connection, script_hash)
    if script is None:
        return ScriptState()
    pending = pending_events(connection, [script_hash]).get(script_hash, ())
    return carry_on(connection, ScriptState(script=script, pending=pending))


def carry_on(connection: Connection, state: ScriptState) -> ScriptState:
    """The same with the confirmed transactions that came since. No older one may have gone."""
    if state.script is None:
        return state
    whole = None
    last_tx_id, newest_height = state.last_tx_id, state.newest_height
    for event in history_of(connection, state.script, state.last_tx_id):
        if whole is None:
            whole = sha256() if state.confirmed is None else state.confirmed.copy()
        whole.update(b"%s:%d:" % (hash_hex(event.txid).encode(), event.height))
        last_tx_id, newest_height = event.tx_id, event.height
    if whole is None:
        return state
    return replace(state, confirmed=whole, last_tx_id=last_tx_id, newest_height=newest_height)
