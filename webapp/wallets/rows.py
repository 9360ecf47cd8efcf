"""Rows of a wallet's history as people read them: with labels and with who was paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.keys import TxFlag
from indexer.queries.script_sets import Party, Replaced, parties, replaced_by
from wallet.labels import LabelType
from webapp.wallets.history import Entry
from webapp.wallets.labels import Key, labels_for
from webapp.wallets.snapshot import Snapshot

MOST_PARTIES = 50  # outputs of one transaction that are looked at
SETTLED = 6  # confirmations from which on nobody counts

What = Literal["mined", "received", "sent", "moved"]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """An address that a transaction is about: ours that was paid, or theirs that we paid."""

    address: str
    label: str | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A transaction of the wallet. `others` more addresses were paid than the one shown."""

    entry: Entry
    what: What
    label: str | None
    counterpart: Counterpart | None
    others: int
    confirmations: int
    replaced: tuple[Replaced, ...]

    @property
    def settled(self) -> bool:
        return self.confirmations >= SETTLED


def describe(
    index: Connection, accounts: Connection, snapshot: Snapshot, entries: Sequence[Entry]
) -> tuple[HistoryRow, ...]:
    """The rows of these transactions. Costs the same few statements however many they are."""
    paid = parties(
        index,
        [entry.tx_id for entry in entries if entry.tx_id is not None],
        [entry.txid for entry in entries if entry.tx_id is None],
        MOST_PARTIES,
    )
    addresses = {
        entry.txid: _addresses(snapshot, entry, paid.get(entry.tx_id or entry.txid, ()))
        for entry in entries
    }
    names = [(LabelType.TX, hash_hex(entry.txid)) for entry in entries]
    names += [(LabelType.ADDR, each) for found in addresses.values() for each in found]
    labels = labels_for(accounts, snapshot.wallet.id, names)
    gone = replaced_by(index, [entry.txid for entry in entries])
    rows = []
    for entry in entries:
        found = addresses[entry.txid]
        shown = next((each for each in found if (LabelType.ADDR, each) in labels), None)
        shown = shown or next(iter(found), None)
        rows.append(
            HistoryRow(
                entry=entry,
                what=_what(entry, found),
                label=labels.get((LabelType.TX, hash_hex(entry.txid))),
                counterpart=_counterpart(shown, labels),
                others=max(0, len(found) - 1),
                confirmations=entry.confirmations(snapshot.tip_height),
                replaced=tuple(each for each in gone if each.replaced_by == entry.txid),
            )
        )
    return tuple(rows)


def _counterpart(address: str | None, labels: Mapping[Key, str]) -> Counterpart | None:
    return None if address is None else Counterpart(address, labels.get((LabelType.ADDR, address)))


def _addresses(snapshot: Snapshot, entry: Entry, paid: Sequence[Party]) -> list[str]:
    """Ours that were paid, or, where the wallet paid, those of others."""
    ours = entry.delta > 0
    found = [
        address_of(party.script, snapshot.network)
        for party in paid
        if (snapshot.owned.find(party.script) is not None) == ours
    ]
    return list(dict.fromkeys(address for address in found if address is not None))


def _what(entry: Entry, addresses: Sequence[str]) -> What:
    if TxFlag.COINBASE in entry.flags:
        return "mined"
    if entry.delta > 0:
        return "received"
    return "sent" if addresses else "moved"
