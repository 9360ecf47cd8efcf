"""Recipients from what somebody pastes or scans: an address, a payment URI, or lines of CSV."""

import csv
from typing import Final

from flask_babel import gettext as _

from indexer.chain.address import AddressError, script_of
from indexer.chain.network import Network
from wallet.uri import UriError, is_payment_uri, parse_uri
from webapp.address_words import address_words, uri_words
from webapp.wallets.amounts import TypedNumberError, Unit, read_amount, write_amount
from webapp.wallets.send_form import MOST_RECIPIENTS, SendForm, TypedRecipient

LONGEST: Final = 100_000  # characters
_MOST_COLUMNS: Final = 3


class PastedError(ValueError):
    """No recipients can be read. The message is shown to people."""


def read_pasted(text: str, unit: Unit, network: Network) -> tuple[TypedRecipient, ...]:
    """One recipient or many; their amounts are of `unit`, as they would be typed."""
    text = text.strip()
    if not text:
        raise PastedError(_("Paste an address, a payment link or lines of CSV."))
    if len(text) > LONGEST:
        raise PastedError(_("This is too much text."))
    if is_payment_uri(text) and "\n" not in text:
        return (_of_uri(text, unit, network),)
    return _of_csv(text, unit, network)


def expand_uris(form: SendForm, network: Network) -> tuple[TypedRecipient, ...]:
    """The form's recipients, payment URIs among the addresses taken apart. Raises PastedError."""
    return tuple(
        _of_uri(row.to, form.unit, network, row) if is_payment_uri(row.to) else row
        for row in form.recipients
    )


def _of_uri(
    text: str, unit: Unit, network: Network, typed: TypedRecipient | None = None
) -> TypedRecipient:
    try:
        uri = parse_uri(text, network)
    except UriError as error:
        raise PastedError(uri_words(error)) from error
    typed = typed or TypedRecipient()
    amount = typed.amount if uri.amount is None else write_amount(uri.amount, unit, network)
    return TypedRecipient(uri.address, amount, typed.label or uri.label or uri.message)


def _of_csv(text: str, unit: Unit, network: Network) -> tuple[TypedRecipient, ...]:
    found = []
    delimiter = next((mark for mark in ("\t", ";") if mark in text), ",")
    for number, cells in enumerate(_cells(text, delimiter), start=1):
        columns = [cell.strip() for cell in cells]
        if not any(columns):
            continue
        if number == 1 and _is_heading(columns):
            continue
        found.append(_of_line(columns, number, unit, network))
    if not found:
        raise PastedError(_("No line of this names an address."))
    if len(found) > MOST_RECIPIENTS:
        raise PastedError(
            _(
                "%(found)s lines are too many: at most %(most)s can be paid at once.",
                found=len(found),
                most=MOST_RECIPIENTS,
            )
        )
    return tuple(found)


def _cells(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        raise PastedError(
            _("This is no CSV: it is cut off, or a quotation mark is lost.")
        ) from error


def _is_heading(columns: list[str]) -> bool:
    return len(columns) > 1 and not any(character.isdigit() for character in "".join(columns))


def _of_line(columns: list[str], number: int, unit: Unit, network: Network) -> TypedRecipient:
    if len(columns) > _MOST_COLUMNS:
        raise PastedError(
            _("Line %(line)s: expected an address, an amount and a note.", line=number)
        )
    address, amount, label = (*columns, "", "")[:_MOST_COLUMNS]
    try:
        script_of(address, network)
        if amount:
            read_amount(amount, unit, network)
    except AddressError as error:
        raise PastedError(
            _("Line %(line)s: %(problem)s", line=number, problem=address_words(error))
        ) from error
    except TypedNumberError as error:
        raise PastedError(
            _("Line %(line)s: %(problem)s", line=number, problem=str(error))
        ) from error
    return TypedRecipient(address, amount, label)
