"""A wallet's confirmed transactions in the order of the chain, with what was left after each."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from indexer.queries.script_sets import Movements


@dataclass(frozen=True)
class Ledger:
    """Columns of equal length, one row per transaction; amounts in the smallest unit."""

    tx_ids: "array[int]"
    received: "array[int]"
    sent: "array[int]"
    balances: "array[int]"  # after the transaction

    def __len__(self) -> int:
        return len(self.tx_ids)

    @property
    def balance(self) -> int:
        return self.balances[-1] if self.balances else 0

    def sample(self, most: int) -> list[int]:
        """At most `most` rows, evenly taken, the last one among them."""
        step = -(-len(self) // most) or 1
        return list(range(len(self) - 1, -1, -step))[::-1]

    @cached_property
    def rows_by_tx_id(self) -> dict[int, int]:
        return {tx_id: row for row, tx_id in enumerate(self.tx_ids)}


def make_ledger(movements: Movements, counts: Callable[[int], bool] = lambda place: True) -> Ledger:
    """Sums per transaction over the scripts that `counts` accepts, by their place."""
    ledger = Ledger(array("q"), array("q"), array("q"), array("q"))
    balance = 0
    for place, tx_id, received, sent in zip(
        movements.places, movements.tx_ids, movements.received, movements.sent, strict=True
    ):
        if not counts(place):
            continue
        balance += received - sent
        if ledger.tx_ids and ledger.tx_ids[-1] == tx_id:
            ledger.received[-1] += received
            ledger.sent[-1] += sent
            ledger.balances[-1] = balance
        else:
            ledger.tx_ids.append(tx_id)
            ledger.received.append(received)
            ledger.sent.append(sent)
            ledger.balances.append(balance)
    return ledger
