"""What somebody has typed on the send page, kept as it was typed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeVar

from werkzeug.datastructures import MultiDict

from webapp.wallets.amounts import Unit

FeeChoice = Literal["fast", "normal", "slow", "rate"]
Choice = TypeVar("Choice", bound=str)

UNITS: Final[tuple[Unit, ...]] = ("coin", "small")
FEE_CHOICES: Final[tuple[FeeChoice, ...]] = ("fast", "normal", "slow", "rate")
MOST_RECIPIENTS: Final = 200
MOST_COINS: Final = 2_000
_LONGEST: Final = 1_000  # characters kept of one field


@dataclass(frozen=True, slots=True)
class TypedRecipient:
    """One row: an address, an amount in the form's unit, and whose address it is."""

    to: str = ""
    amount: str = ""
    label: str = ""

    @property
    def blank(self) -> bool:
        return not (self.to or self.amount or self.label)


@dataclass(frozen=True, slots=True)
class SendForm:
    """The whole form. `everything` is the number of the recipient who gets all that is left."""

    recipients: tuple[TypedRecipient, ...] = (TypedRecipient(),)
    everything: int | None = None
    unit: Unit = "coin"
    account: int | None = None
    fee: FeeChoice = "normal"
    rate: str = ""  # per vbyte, where `fee` is "rate"
    coins: tuple[str, ...] = ()  # txid:vout; none: chosen for the person
    note: str = ""


def read_form(values: MultiDict[str, str]) -> SendForm:
    """From a posted form, whatever is missing or odd in it."""
    rows = zip(
        values.getlist("to"), values.getlist("amount"), values.getlist("label"), strict=False
    )
    recipients = tuple(
        TypedRecipient(*(_kept(part) for part in row)) for row in list(rows)[:MOST_RECIPIENTS]
    )
    return SendForm(
        recipients=recipients or (TypedRecipient(),),
        everything=_number(values.get("everything")),
        unit=_one_of(UNITS, values.get("unit"), "coin"),
        account=_number(values.get("account")),
        fee=_one_of(FEE_CHOICES, values.get("fee"), "normal"),
        rate=_kept(values.get("rate", "")),
        coins=tuple(_kept(each) for each in values.getlist("coin")[:MOST_COINS]),
        note=_kept(values.get("note", "")),
    )


def as_json(form: SendForm) -> dict[str, Any]:
    return asdict(form)


def of_json(kept: Mapping[str, Any]) -> SendForm:
    """What `as_json` gave."""
    recipients = tuple(TypedRecipient(**row) for row in kept["recipients"])
    return SendForm(**{**kept, "recipients": recipients, "coins": tuple(kept["coins"])})


def without_recipient(form: SendForm, number: int) -> SendForm:
    """The form less one row."""
    rows = tuple(row for place, row in enumerate(form.recipients) if place != number)
    everything = form.everything
    if everything is not None and everything >= number:
        everything = None if everything == number else everything - 1
    return replace(form, recipients=rows or (TypedRecipient(),), everything=everything)


def with_recipients(form: SendForm, added: tuple[TypedRecipient, ...]) -> SendForm:
    """The form with more rows, in the place of an empty last one."""
    rows = form.recipients
    if rows and rows[-1].blank:
        rows = rows[:-1]
    return replace(form, recipients=(*rows, *added)[:MOST_RECIPIENTS])


def _kept(text: str) -> str:
    return text.strip()[:_LONGEST]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _one_of(choices: tuple[Choice, ...], text: str | None, default: Choice) -> Choice:
    return next((choice for choice in choices if choice == text), default)
