"""Contacts: names for addresses, offered on the send page."""

from dataclasses import dataclass, field

from flask import Blueprint, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.accounts.context import accounts, current_user, login_required
from webapp.context import network
from webapp.wallets.contacts import (
    Contact,
    ContactError,
    add_contact,
    change_contact,
    contacts_of,
    look_alikes,
    remove_contact,
)

blueprint = Blueprint("contacts", __name__, url_prefix="/wallets/contacts")


@dataclass(frozen=True, slots=True)
class ContactForm:
    """What was typed for the contact `id`, or for a new one (None), and what is wrong with it."""

    id: int | None = None
    name: str = ""
    address: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactsPage:
    contacts: tuple[Contact, ...]
    alike: frozenset[int]
    form: ContactForm


@blueprint.get("")
@login_required
def show() -> ResponseReturnValue:
    """The list; a form to add to it, begun by links (address=, name=)."""
    return _page(ContactForm(None, request.args.get("name", ""), request.args.get("address", "")))


@blueprint.post("")
@login_required
def add() -> ResponseReturnValue:
    form = _typed(None)
    try:
        with accounts().write() as connection:
            add_contact(connection, current_user().id, network(), form.name, form.address)
    except ContactError as error:
        return _refused(form, error)
    return _back()


@blueprint.post("/<int:contact_id>")
@login_required
def change(contact_id: int) -> ResponseReturnValue:
    form = _typed(contact_id)
    try:
        with accounts().write() as connection:
            found = change_contact(
                connection,
                current_user().id,
                contact_id,
                network(),
                name=form.name,
                address=form.address,
            )
    except ContactError as error:
        return _refused(form, error)
    return _back() if found else _missing()


@blueprint.post("/<int:contact_id>/remove")
@login_required
def remove(contact_id: int) -> ResponseReturnValue:
    with accounts().write() as connection:
        found = remove_contact(connection, current_user().id, contact_id, network())
    return _back() if found else _missing()


def _typed(contact_id: int | None) -> ContactForm:
    return ContactForm(contact_id, request.form.get("name", ""), request.form.get("address", ""))


def _refused(form: ContactForm, error: ContactError) -> ResponseReturnValue:
    return _page(ContactForm(form.id, form.name, form.address, {error.field: str(error)}), 400)


def _page(form: ContactForm, status: int = 200) -> ResponseReturnValue:
    with accounts().read() as connection:
        found = contacts_of(connection, current_user().id, network())
    if form.id is not None and all(each.id != form.id for each in found):
        _missing()
    page = ContactsPage(found, look_alikes(found), form)
    return make_response(render_template("wallets/contacts.html", page=page), status)


def _back() -> ResponseReturnValue:
    return redirect(f"{request.script_root}/wallets/contacts", code=303)


def _missing() -> ResponseReturnValue:
    abort(404, _("You have no such contact."))
