"""All that the page of one transaction shows."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.encoding import EncodingError, Transaction, parse_header, parse_transaction
from indexer.chain.merkle import MerkleFold, fold, merkle_branch
from indexer.chain.network import Network
from indexer.chain.script import ScriptType
from indexer.keys import TxFlag
from indexer.queries.blocks import block_fee_rates, txids_of_block
from indexer.queries.packages import Package, package
from indexer.queries.pulse import Pulse
from indexer.queries.replacements import Timeline, Version, timeline
from indexer.queries.transaction_parts import (
    InputView,
    OutputView,
    Slice,
    input_views,
    output_views,
)
from indexer.queries.transaction_warnings import TransactionWarning, warnings
from indexer.queries.transactions import (
    Status,
    Summary,
    find_confirmed,
    find_pending,
    find_replaced,
    find_stale,
)
from indexer.raw import RawSource, RawUnavailableError
from indexer.schema import block

LEAST_FOR_MEDIAN = 5  # transactions of a block from which on its median rate says something


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """The way from the txid to the block's Merkle root."""

    position: int
    tx_count: int
    fold: MerkleFold
    header_root: bytes

    @property
    def verified(self) -> bool:
        return self.fold.root == self.header_root


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """`transaction` is None where its bytes cannot be had now; `raw_problem` says why."""

    network: Network
    summary: Summary
    confirmations: int
    tip_height: int
    spends_indexed: bool
    transaction: Transaction | None
    raw_problem: str | None
    inputs: tuple[InputView, ...]
    outputs: tuple[OutputView, ...]
    input_slice: Slice
    output_slice: Slice
    input_value: int | None
    subsidy: int | None  # of a coinbase's block
    block_fees: int | None
    package: Package | None
    timeline: Timeline | None
    proof: MerkleProof | None
    warnings: tuple[TransactionWarning, ...]

    @property
    def can_be_spent(self) -> bool:
        """Whether an output without a spender is known to be there and unspent.

        Nodes never entered the first block's coins into their set of unspent outputs.
        """
        exists = self.summary.status in {Status.CONFIRMED, Status.PENDING}
        return self.spends_indexed and exists and self.summary.height != 0

    @property
    def pegged_in(self) -> int | None:
        """What a HogEx takes into MWEB: all inputs but the balance carried on."""
        if TxFlag.HOGEX not in self.summary.flags or not self.inputs or self.input_slice.first:
            return None
        first = self.inputs[0]
        carried = first.spent.value if first.script_type is ScriptType.MWEB_HOGADDR else 0
        return None if self.input_value is None else self.input_value - (carried or 0)

    @property
    def pegged_out(self) -> int | None:
        """What a HogEx pays out of MWEB: all outputs but the balance carried on."""
        if TxFlag.HOGEX not in self.summary.flags or not self.outputs or self.output_slice.first:
            return None
        return self.summary.output_value - self.outputs[0].created.value


class NoSuchPartError(Exception):
    """The transaction has fewer inputs or outputs; the message names the range."""


def transaction_page(
    connection: Connection,
    raw: RawSource,
    pulse: Pulse,
    txid: bytes,
    *,
    first_input: int = 0,
    first_output: int = 0,
) -> TransactionPage | None:
    """None if the transaction is not known. Raises NoSuchPartError."""
    found = _find(connection, raw, txid)
    if found is None:
        return None
    summary, transaction, raw_problem = found
    _require("in", first_input, summary.input_count)
    _require("out", first_output, summary.output_count)
    spends_indexed = not pulse.loading
    inputs = input_views(connection, raw.network, summary, transaction, first_input)
    outputs = output_views(
        connection, raw.network, summary, transaction, first_output, spends_indexed=spends_indexed
    )
    minted = _minted(connection, raw.network, summary)
    return TransactionPage(
        network=raw.network,
        summary=summary,
        confirmations=_confirmations(summary, pulse),
        tip_height=pulse.tip_height,
        spends_indexed=spends_indexed,
        transaction=transaction,
        raw_problem=raw_problem,
        inputs=inputs,
        outputs=outputs,
        input_slice=Slice(first_input, len(inputs), summary.input_count),
        output_slice=Slice(first_output, len(outputs), summary.output_count),
        input_value=None if summary.fee is None else summary.output_value + summary.fee,
        subsidy=minted[0],
        block_fees=minted[1],
        package=package(connection, txid) if summary.status is Status.PENDING else None,
        timeline=timeline(connection, txid, _version(summary)),
        proof=_proof(connection, summary),
        warnings=warnings(
            raw.network, summary, inputs, outputs, _usual_rate(connection, summary, pulse)
        ),
    )


def find_raw(connection: Connection, raw: RawSource, txid: bytes) -> bytes | None:
    """The transaction's bytes; None if it is not known. Raises RawUnavailableError."""
    confirmed = find_confirmed(connection, txid)
    if confirmed is not None and confirmed.block_hash is not None:
        return raw.transaction(connection, txid, confirmed.block_hash)
    found = _find(connection, raw, txid)
    return None if found is None or found[1] is None else found[1].serialize()


def _find(
    connection: Connection, raw: RawSource, txid: bytes
) -> tuple[Summary, Transaction | None, str | None] | None:
    confirmed = find_confirmed(connection, txid)
    if confirmed is not None and confirmed.block_hash is not None:
        try:
            data = raw.transaction(connection, txid, confirmed.block_hash)
            return confirmed, parse_transaction(data, raw.network), None
        except (RawUnavailableError, EncodingError) as error:
            return confirmed, None, str(error)
    elsewhere = (
        find_pending(connection, txid, raw.network)
        or find_replaced(connection, txid, raw.network)
        or find_stale(connection, txid, raw)
    )
    if elsewhere is None:
        return None
    return elsewhere.summary, elsewhere.transaction, None


def _require(name: str, first: int, total: int) -> None:
    if first and not 0 <= first < total:
        raise NoSuchPartError(f"{name}={first}: expected a number from 0 to {max(0, total - 1)}")


def _confirmations(summary: Summary, pulse: Pulse) -> int:
    if summary.status is not Status.CONFIRMED or summary.height is None:
        return 0
    return pulse.tip_height - summary.height + 1


def _minted(
    connection: Connection, network: Network, summary: Summary
) -> tuple[int | None, int | None]:
    """Subsidy and fees that a coinbase may claim."""
    if not summary.is_coinbase or summary.height is None:
        return None, None
    subsidy = network.subsidy(summary.height)
    if summary.status is not Status.CONFIRMED:
        return subsidy, None
    fees = connection.scalar(select(block.c.fees).where(block.c.height == summary.height))
    return subsidy, fees


def _usual_rate(connection: Connection, summary: Summary, pulse: Pulse) -> float | None:
    """The median fee rate of its block, or of the latest block while it waits."""
    height = pulse.tip_height if summary.height is None else summary.height
    if summary.status not in {Status.CONFIRMED, Status.PENDING} or summary.is_coinbase:
        return None
    count = connection.scalar(select(block.c.tx_count).where(block.c.height == height))
    if count is None or count < LEAST_FOR_MEDIAN:
        return None
    rates = block_fee_rates(connection, height)
    return None if rates is None else rates.median


def _version(summary: Summary) -> Version | None:
    if summary.fee is None or summary.status not in {Status.PENDING, Status.CONFIRMED}:
        return None
    return Version(summary.txid, summary.first_seen, summary.fee, summary.weight, None, None)


def _proof(connection: Connection, summary: Summary) -> MerkleProof | None:
    if summary.status is not Status.CONFIRMED or summary.position is None:
        return None
    header = connection.scalar(select(block.c.header).where(block.c.height == summary.height))
    if header is None or summary.height is None:
        return None
    txids = txids_of_block(connection, summary.height)
    branch = merkle_branch(txids, summary.position)
    return MerkleProof(
        position=summary.position,
        tx_count=len(txids),
        fold=fold(summary.txid, summary.position, branch),
        header_root=parse_header(bytes(header)).merkle_root,
    )
