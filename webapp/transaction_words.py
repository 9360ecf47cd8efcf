"""What a transaction's numbers mean, in the reader's words."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from indexer.chain.encoding import Transaction
from indexer.chain.timelock import (
    FINAL_SEQUENCE,
    MAX_REPLACEABLE_SEQUENCE,
    LockKind,
    locktime_of,
    relative_lock_of,
)
from indexer.queries.transaction_warnings import TransactionWarning, WarningKind
from webapp.formatting import amount_text, duration, percent

MOST_NUMBERS = 8  # inputs or outputs that a warning lists


@dataclass(frozen=True, slots=True)
class WarningWords:
    """`grave`: money is lost or at risk; the others concern privacy or habit."""

    title: str
    text: str
    grave: bool
    numbers: tuple[int, ...]
    side: str  # "in" or "out": which part the numbers name


def locktime_words(transaction: Transaction) -> str:
    """From when on the transaction may be in a block."""
    sequences = tuple(each.sequence for each in transaction.inputs)
    lock = locktime_of(transaction.locktime, sequences)
    if lock.kind is LockKind.HEIGHT:
        height = format_decimal(lock.value)
        return str(_("Valid only in blocks above height %(height)s.", height=height))
    if lock.kind is LockKind.TIME:
        moment = datetime.fromtimestamp(lock.value, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return str(_("Valid only once the median time past is after %(time)s UTC.", time=moment))
    if transaction.locktime:
        return str(_("Not in force, since every input is final."))
    return str(_("None: it may be in any block."))


def sequence_words(sequence: int, version: int) -> str:
    """What an input's sequence asks for."""
    if sequence == FINAL_SEQUENCE:
        return str(_("final"))
    if sequence > MAX_REPLACEABLE_SEQUENCE:
        return str(_("allows a locktime, does not signal replacement"))
    lock = relative_lock_of(sequence, version)
    replaceable = str(_("signals replacement (BIP125)"))
    if lock.kind is LockKind.RELATIVE_SECONDS:
        wait = _("spendable %(time)s after it was confirmed", time=duration(lock.value))
    elif lock.kind is LockKind.RELATIVE_BLOCKS:
        wait = ngettext(
            "spendable %(num)d block after it was confirmed",
            "spendable %(num)d blocks after it was confirmed",
            lock.value,
        )
    else:
        return replaceable
    return f"{wait}; {replaceable}"


def warning_words(warning: TransactionWarning) -> WarningWords:
    """A warning as a person reads it."""
    title, text, grave, side = _WARNINGS[warning.kind](warning)
    return WarningWords(title, text, grave, warning.numbers[:MOST_NUMBERS], side)


Told = tuple[str, str, bool, str]


def _overpaid_rate(warning: TransactionWarning) -> Told:
    return (
        _("High fee"),
        _(
            "The fee rate is %(times)s times the median of its block or of the latest one.",
            times=format_decimal(round(warning.factor)),
        ),
        True,
        "in",
    )


def _overpaid_share(warning: TransactionWarning) -> Told:
    return (
        _("High fee"),
        _("The fee takes %(share)s of what is spent.", share=percent(warning.factor)),
        True,
        "in",
    )


def _unusual_sighash(_warning: TransactionWarning) -> Told:
    return (
        _("A signature leaves parts open"),
        _("It does not cover the whole transaction: others may change what it leaves out."),
        True,
        "in",
    )


def _lookalike(_warning: TransactionWarning) -> Told:
    return (
        _("Addresses that look alike"),
        _(
            "Two different addresses here begin and end the same. Compare the whole address "
            "before you copy one: this is how address poisoning works."
        ),
        True,
        "out",
    )


def _burnt(warning: TransactionWarning) -> Told:
    return (
        _("Destroyed coins"),
        _(
            "%(amount)s went to outputs that can never be spent.",
            amount=amount_text(warning.value),
        ),
        True,
        "out",
    )


def _dust(_warning: TransactionWarning) -> Told:
    return (
        _("Dust"),
        _("Outputs this small cost more to spend than they hold. Nodes do not relay new ones."),
        False,
        "out",
    )


def _change_reuses_input(_warning: TransactionWarning) -> Told:
    return (
        _("Change to the same address"),
        _("An output pays an address that the transaction spends from, which shows who it is."),
        False,
        "out",
    )


def _address_reuse(_warning: TransactionWarning) -> Told:
    return (
        _("Address reuse"),
        _("An address that was paid before is paid again: whoever looks can link the payments."),
        False,
        "out",
    )


def _unknown_prevout(_warning: TransactionWarning) -> Told:
    return (
        _("Amounts unknown"),
        _("What it spends is neither in the chain nor in the mempool, so its fee is not known."),
        False,
        "in",
    )


_WARNINGS = {
    WarningKind.OVERPAID_RATE: _overpaid_rate,
    WarningKind.OVERPAID_SHARE: _overpaid_share,
    WarningKind.UNUSUAL_SIGHASH: _unusual_sighash,
    WarningKind.LOOKALIKE: _lookalike,
    WarningKind.BURNT: _burnt,
    WarningKind.DUST: _dust,
    WarningKind.CHANGE_REUSES_INPUT: _change_reuses_input,
    WarningKind.ADDRESS_REUSE: _address_reuse,
    WarningKind.UNKNOWN_PREVOUT: _unknown_prevout,
}
