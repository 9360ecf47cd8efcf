"""What a careful person would say about a payment before it is signed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Connection

from indexer.chain.script import classify
from indexer.queries.script_sets import ScriptSet, used_places
from indexer.queries.transaction_warnings import address_ends
from wallet.coins import Algorithm, Reason
from webapp.formatting import amount_text, number, percent
from webapp.wallets.orders import Payment, RateChoices
from webapp.wallets.snapshot import Snapshot
from webapp.wallets.spending import Plan

MUCH_SHARE: Final = 0.01  # of what is paid
MUCH_FACTOR: Final = 10  # times the fastest estimate


@dataclass(frozen=True, slots=True)
class Remark:
    """`grave`: money may be lost; the others concern privacy or habit."""

    title: str
    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """An address that the person knows, and as what."""

    address: str
    name: str


def remarks(
    index: Connection, plan: Plan, snapshot: Snapshot, rates: RateChoices, known: Sequence[Known]
) -> tuple[Remark, ...]:
    """Gravest first."""
    return (
        *_lookalikes(plan, known),
        *_dear(plan, rates),
        *_unconfirmed(plan),
        *_small_change(plan),
        *_reuse(index, plan, snapshot),
        *_linked(plan),
        *_change_stands_out(plan),
    )


def choice_words(plan: Plan) -> str:
    """Why these coins."""
    words = {
        Algorithm.BRANCH_AND_BOUND: _("These coins fit, so that no change is needed."),
        Algorithm.ONE_COIN: _("One coin is enough: the smallest that does it alone."),
        Algorithm.RANDOM_DRAW: _("A draw of coins that costs least in fees, now and later."),
        Algorithm.LARGEST_FIRST: _("The largest coins first: that takes the fewest."),
        Algorithm.SMALLEST_FIRST: _("Small coins first: fees are low now, so they are gathered."),
        Algorithm.BY_HAND: _("You chose these coins."),
        Algorithm.ALL: _("Everything is sent, so every coin is spent."),
    }
    text = str(words[plan.selection.algorithm])
    if Reason.UNECONOMIC_LEFT in plan.selection.reasons:
        text += " " + _("Coins that cost more to spend than they hold are left alone.")
    return text


def _lookalikes(plan: Plan, known: Sequence[Known]) -> Iterator[Remark]:
    by_ends: dict[tuple[str, str], list[Known]] = {}
    for each in known:
        by_ends.setdefault(address_ends(each.address), []).append(each)
    for payment in plan.order.payments:
        similar = by_ends.get(address_ends(payment.address), ())
        others = [each for each in similar if each.address != payment.address]
        if others and len(others) == len(similar):
            yield Remark(
                _("This looks like an address you know, but it is another"),
                _(
                    "%(address)s begins and ends like %(other)s (%(name)s). Compare the whole "
                    "address: this is how address poisoning works.",
                    address=payment.address,
                    other=others[0].address,
                    name=others[0].name,
                ),
                grave=True,
            )


def _dear(plan: Plan, rates: RateChoices) -> Iterator[Remark]:
    fee = plan.selection.fee
    if plan.fee_rate >= MUCH_FACTOR * rates.fast:
        yield Remark(
            _("High fee rate"),
            _(
                "It is %(times)s times what is needed for the next block.",
                times=number(round(plan.fee_rate / rates.fast)),
            ),
            grave=True,
        )
    if fee > MUCH_SHARE * plan.paid:
        yield Remark(
            _("High fee for this amount"),
            _(
                "The fee is %(share)s of what is paid.",
                share=percent(fee / max(plan.paid, 1)),
            ),
            grave=fee > plan.paid // 4,
        )


def _unconfirmed(plan: Plan) -> Iterator[Remark]:
    reasons = plan.selection.reasons
    if Reason.PENDING_FOREIGN_SPENT in reasons:
        yield Remark(
            _("It spends coins that are not confirmed"),
            _("Who sent them may still replace that payment; then this one is void too."),
            grave=True,
        )
    elif Reason.PENDING_OWN_SPENT in reasons:
        yield Remark(
            _("It spends coins that are not confirmed"),
            _("They are change of yours. This payment waits until that one is confirmed."),
        )


def _small_change(plan: Plan) -> Iterator[Remark]:
    if plan.selection.left_over and Reason.CHANGE_TOO_SMALL in plan.selection.reasons:
        yield Remark(
            _("A small rest goes to the fee"),
            _(
                "%(amount)s would be too little for change, so the fee takes it.",
                amount=amount_text(plan.selection.left_over),
            ),
        )


def _reuse(index: Connection, plan: Plan, snapshot: Snapshot) -> Iterator[Remark]:
    scripts = ScriptSet(payment.script for payment in plan.order.payments)
    used = used_places(index, scripts)
    for payment in _once(plan.order.payments):
        if snapshot.owned.find(payment.script) is not None:
            yield Remark(
                _("You pay yourself"),
                _("%(address)s is an address of this wallet.", address=payment.address),
            )
        elif scripts.places[payment.script] in used:
            yield Remark(
                _("This address was paid before"),
                _(
                    "Whoever looks can link the payments to %(address)s. Ask for a new address.",
                    address=payment.address,
                ),
            )
    if len(scripts) < len(plan.order.payments):
        yield Remark(_("One address is paid more than once"), _("Look whether that is meant."))


def _once(payments: Iterable[Payment]) -> Iterable[Payment]:
    return {payment.script: payment for payment in payments}.values()


def _linked(plan: Plan) -> Iterator[Remark]:
    count = plan.selection.addresses
    if count > 1:
        yield Remark(
            _("Addresses are linked"),
            ngettext(
                "Spending coins of %(num)d address together shows that it is one wallet.",
                "Spending coins of %(num)d addresses together shows that they are of one wallet.",
                count,
            ),
        )


def _change_stands_out(plan: Plan) -> Iterator[Remark]:
    if plan.selection.change is None:
        return
    mine = classify(plan.selection.outputs[-1].script)
    others = {classify(payment.script) for payment in plan.order.payments}
    if mine not in others:
        yield Remark(
            _("The change can be told from the payment"),
            _("It goes to another kind of address, so an observer sees which part comes back."),
        )
