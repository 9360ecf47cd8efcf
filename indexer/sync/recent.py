"""The newest outputs, in memory: most of what is spent is young."""

from dataclasses import dataclass
from itertools import islice

from indexer.sync.rows import (
    COINBASE,
    BlockDraft,
    FilledBlock,
    InputRow,
    Missing,
    TxRow,
    position_after,
)

CACHE_SIZE = 500_000  # transactions, some 300 bytes each

UNKNOWN = -1  # stands for an output_id until it is looked up


@dataclass(slots=True)
class _Outputs:
    """Those of one transaction."""

    tx_id: int
    values: list[int]
    unspent: int


class RecentOutputs:
    """Remembers the values of the newest transactions' outputs until all of them are spent."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._size = size
        self._found: dict[bytes, _Outputs] = {}  # by txid

    def fill(self, draft: BlockDraft, *, keep_raw: bool = True) -> FilledBlock:
        """Make rows of the inputs of the next block; Missing where they spend what is not known."""
        self._remember(draft)
        found = self._found
        inputs: list[InputRow] = []
        transactions: list[TxRow] = []
        missing: list[Missing] = []
        spent = iter(draft.spent)
        output_value = coinbase_value = 0
        for number, row in enumerate(draft.transactions):
            tx_id, total = row[0], row[6]
            if row[9] & COINBASE:
                coinbase_value = total
                transactions.append((*row[:6], 0, *row[7:]))
                continue
            output_value += total
            fee = -total
            for input_id in range(tx_id, tx_id + row[5]):
                txid, vout = next(spent)
                parent = found.get(txid)
                if parent is None or vout >= len(parent.values):
                    missing.append((number, len(inputs), txid, vout))
                    inputs.append((input_id, UNKNOWN))
                    continue
                inputs.append((input_id, parent.tx_id + vout))
                fee += parent.values[vout]
                parent.unspent -= 1
                if not parent.unspent:
                    del found[txid]
            transactions.append((tx_id, row[1], row[2], row[3], row[4], row[5], fee, *row[7:]))
        return FilledBlock(
            draft.position,
            position_after(draft),
            draft.hash,
            draft.header,
            len(draft.raw),
            draft.raw if keep_raw else b"",
            draft.weight,
            draft.coinbase_script,
            coinbase_value,
            output_value,
            transactions,
            draft.outputs,
            inputs,
            missing,
        )

    def _remember(self, draft: BlockDraft) -> None:
        values = [row[1] for row in draft.outputs]
        end = 0
        for row in draft.transactions:
            start, end = end, end + row[4]
            self._found[row[1]] = _Outputs(row[0], values[start:end], row[4])

    def evict(self) -> None:
        """Forget the oldest of too many. Those that go must be rows when they are asked for."""
        excess = len(self._found) - self._size
        if excess > 0:
            for oldest in list(islice(self._found, excess + self._size // 10)):
                del self._found[oldest]

    def clear(self) -> None:
        self._found.clear()
