"""The inputs and outputs of a transaction, explained, a page at a time."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify, is_unspendable
from indexer.chain.spend import Spend, explain_input
from indexer.queries.script_moves import output_is
from indexer.queries.spends import (
    CreatedOutput,
    SpentOutpoint,
    confirmed_inputs,
    confirmed_outputs,
    unconfirmed_inputs,
    unconfirmed_outputs,
)
from indexer.queries.transactions import Status, Summary
from indexer.schema import output

PAGE_SIZE = 60  # inputs, and outputs, of one page: a batch of 50 with its change fits


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a longer list; numbers count from 0."""

    first: int
    shown: int
    total: int

    @property
    def last(self) -> int:
        return self.first + self.shown - 1

    @property
    def previous(self) -> int | None:
        return max(0, self.first - PAGE_SIZE) if self.first else None

    @property
    def next(self) -> int | None:
        following = self.first + self.shown
        return following if following < self.total else None


@dataclass(frozen=True, slots=True)
class InputView:
    """An input. `spend` and what is in the raw bytes are None where those cannot be had now."""

    spent: SpentOutpoint
    address: str | None
    script_type: ScriptType | None
    sequence: int | None
    script_sig: bytes | None
    witness: tuple[bytes, ...]
    spend: Spend | None


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output. `seen_before`: its script was paid by an earlier transaction."""

    created: CreatedOutput
    address: str | None
    script_type: ScriptType
    seen_before: bool

    @property
    def unspendable(self) -> bool:
        """Provably, whatever an input may say."""
        return is_unspendable(self.created.script)


def input_views(
    connection: Connection,
    network: Network,
    summary: Summary,
    transaction: Transaction | None,
    first: int,
) -> tuple[InputView, ...]:
    """A page of inputs from number `first` on."""
    if summary.status is Status.CONFIRMED or transaction is None:
        spent = confirmed_inputs(connection, summary, first, PAGE_SIZE)
    else:
        spent = unconfirmed_inputs(connection, transaction, first, PAGE_SIZE)
    return tuple(_input(network, transaction, each) for each in spent)


def _input(network: Network, transaction: Transaction | None, spent: SpentOutpoint) -> InputView:
    raw_input = None if transaction is None else transaction.inputs[spent.vin]
    explained = None
    if raw_input is not None and spent.script is not None:
        explained = explain_input(spent.script, raw_input.script_sig, raw_input.witness)
    return InputView(
        spent=spent,
        address=None if spent.script is None else address_of(spent.script, network),
        script_type=None if spent.script is None else classify(spent.script, network),
        sequence=None if raw_input is None else raw_input.sequence,
        script_sig=None if raw_input is None else raw_input.script_sig,
        witness=() if raw_input is None else raw_input.witness,
        spend=explained,
    )


def output_views(
    connection: Connection,
    network: Network,
    summary: Summary,
    transaction: Transaction | None,
    first: int,
    *,
    spends_indexed: bool,
) -> tuple[OutputView, ...]:
    """A page of outputs from number `first` on; spenders only once the spends are indexed."""
    if summary.status is Status.CONFIRMED or transaction is None:
        created = confirmed_outputs(
            connection, summary, first, PAGE_SIZE, spends_indexed=spends_indexed
        )
    else:
        created = unconfirmed_outputs(connection, transaction, first, PAGE_SIZE)
    before = _seen_before(connection, summary, created)
    return tuple(
        OutputView(
            created=each,
            address=address_of(each.script, network),
            script_type=classify(each.script, network),
            seen_before=each.script in before,
        )
        for each in created
    )


def _seen_before(
    connection: Connection, summary: Summary, created: tuple[CreatedOutput, ...]
) -> set[bytes]:
    """The scripts that an earlier transaction of the chain paid already."""
    scripts = {each.script for each in created}
    seen = set()
    for script in scripts:
        query = select(output.c.output_id).where(output_is(script))
        if summary.tx_id is not None:
            query = query.where(output.c.output_id < summary.tx_id)
        if connection.scalar(query.limit(1)) is not None:
            seen.add(script)
    return seen
