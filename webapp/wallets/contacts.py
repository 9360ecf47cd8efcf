"""People's contacts: a name for an address of one network."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.network import Network
from indexer.queries.transaction_warnings import address_ends
from webapp.accounts.schema import contact
from webapp.address_words import address_words

LONGEST_NAME = 80  # characters
MOST_CONTACTS = 5_000  # of one user and network


class ContactError(ValueError):
    """A contact cannot be kept; the message says why, `field` where it stands."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Contact:
    id: int
    name: str
    address: str


def contacts_of(connection: Connection, user_id: int, network: Network) -> tuple[Contact, ...]:
    """By name."""
    rows = connection.execute(
        select(contact.c.id, contact.c.name, contact.c.address)
        .where(contact.c.user_id == user_id, contact.c.network == network.name)
        .order_by(func.lower(contact.c.name), contact.c.id)
    )
    return tuple(Contact(*row) for row in rows)


def look_alikes(contacts: Sequence[Contact]) -> frozenset[int]:
    """Those that begin and end like another one: people compare little else of an address."""
    by_ends: dict[tuple[str, str], list[int]] = {}
    for each in contacts:
        by_ends.setdefault(address_ends(each.address), []).append(each.id)
    return frozenset(number for alike in by_ends.values() if len(alike) > 1 for number in alike)


def add_contact(
    connection: Connection, user_id: int, network: Network, name: str, address: str
) -> Contact:
    """Raises ContactError."""
    count = connection.scalar(
        select(func.count())
        .select_from(contact)
        .where(contact.c.user_id == user_id, contact.c.network == network.name)
    )
    if (count or 0) >= MOST_CONTACTS:
        raise ContactError("name", _("No more than %(count)s contacts fit.", count=MOST_CONTACTS))
    values = _checked(name, address, network)
    statement = insert(contact).values(user_id=user_id, network=network.name, **values)
    try:
        with connection.begin_nested():
            number: int = connection.execute(statement.returning(contact.c.id)).scalar_one()
    except IntegrityError:
        raise _known_already() from None
    return Contact(number, **values)


def change_contact(
    connection: Connection, user_id: int, contact_id: int, network: Network, **typed: str
) -> bool:
    """Give it this `name` and `address`; False where the user has no such contact.

    Raises ContactError.
    """
    values = _checked(typed["name"], typed["address"], network)
    try:
        with connection.begin_nested():
            changed = connection.execute(
                update(contact).where(*_is(user_id, contact_id, network)).values(**values)
            )
    except IntegrityError:
        raise _known_already() from None
    return changed.rowcount == 1


def remove_contact(connection: Connection, user_id: int, contact_id: int, network: Network) -> bool:
    """False where the user has no such contact."""
    gone = connection.execute(delete(contact).where(*_is(user_id, contact_id, network)))
    return gone.rowcount == 1


def _checked(name: str, address: str, network: Network) -> dict[str, str]:
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name:
        raise ContactError("name", _("Give the contact a name."))
    if len(name) > LONGEST_NAME:
        raise ContactError(
            "name", _("The name is longer than %(count)s characters.", count=LONGEST_NAME)
        )
    try:
        canonical = address_of(script_of(address.strip(), network), network)
    except AddressError as error:
        raise ContactError("address", address_words(error)) from error
    if canonical is None:
        raise ContactError("address", _("This is no address that can be paid."))
    return {"name": name, "address": canonical}


def _is(user_id: int, contact_id: int, network: Network) -> list[ColumnElement[bool]]:
    return [
        contact.c.id == contact_id,
        contact.c.user_id == user_id,
        contact.c.network == network.name,
    ]


def _known_already() -> ContactError:
    return ContactError("address", _("You have a contact with this address already."))
