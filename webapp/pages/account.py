"""Accounts: sign in and out, register, change the password, delete everything."""

from dataclasses import dataclass, field

from flask import Blueprint, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user as session_user

from webapp.accounts import users
from webapp.accounts.attempts import few_accounts, few_attempts
from webapp.accounts.context import accounts, current_user, login_required, private
from webapp.accounts.passwords import hash_password, is_outdated
from webapp.accounts.sessions import sign_in, sign_out
from webapp.accounts.users import AccountError, User
from webapp.context import settings
from webapp.preferences import safe_path

blueprint = Blueprint("account", __name__, url_prefix="/account")


@dataclass(frozen=True, slots=True)
class AccountForm:
    """What was typed, passwords excepted, and what is wrong with it by field."""

    name: str = ""
    next: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@blueprint.get("/sign-in")
@private
def show_sign_in() -> ResponseReturnValue:
    if session_user.is_authenticated:
        return redirect(_destination(), code=303)
    return _entrance("sign_in", AccountForm(next=request.args.get("next", "")))


@blueprint.post("/sign-in")
@private
@few_attempts
def enter() -> ResponseReturnValue:
    name, password = request.form.get("name", ""), request.form.get("password", "")
    with accounts().read() as connection:
        found = users.find_user_by_name(connection, name)
        stored = users.password_hash(connection, found.id if found else None)
    if not users.is_password(stored, password) or found is None or stored is None:
        errors = {"password": _("The name or the password is wrong.")}
        return _entrance("sign_in", AccountForm(name, request.form.get("next", ""), errors), 403)
    if is_outdated(stored):
        renewed = hash_password(password)
        with accounts().write() as connection:
            users.renew_hash(connection, found.id, renewed)
    sign_in(found)
    return redirect(_destination(), code=303)


@blueprint.get("/register")
@private
def show_register() -> ResponseReturnValue:
    return _entrance("register", AccountForm(next=request.args.get("next", "")))


@blueprint.post("/register")
@private
@few_accounts
def register() -> ResponseReturnValue:
    if settings().registration == "closed":
        abort(403, _("Registration is closed here."))
    name = request.form.get("name", "")
    try:
        stored = users.hashed(_new_password())
        with accounts().write() as connection:
            added = users.add_user(connection, name, stored)
    except AccountError as error:
        form = AccountForm(name, request.form.get("next", ""), {error.field: str(error)})
        return _entrance("register", form, 400)
    sign_in(added)
    return redirect(_destination(), code=303)


@blueprint.post("/sign-out")
@login_required
def leave() -> ResponseReturnValue:
    """The browser forgets its session; `everywhere` ends those of other browsers too."""
    if "everywhere" in request.form:
        with accounts().write() as connection:
            users.end_sessions(connection, current_user().id)
    sign_out()
    return redirect(f"{request.script_root}/", code=303)


@blueprint.get("", strict_slashes=False)
@login_required
def show() -> ResponseReturnValue:
    return _own_page(AccountForm(name=current_user().name))


@blueprint.post("/password")
@login_required
@few_attempts
def change_password() -> ResponseReturnValue:
    user = current_user()
    try:
        if not user.is_guest:
            _require_password("current")
        stored = users.hashed(_new_password())
        with accounts().write() as connection:
            if user.is_guest:
                users.rename_user(connection, user.id, request.form.get("name", ""))
            changed = users.set_password(connection, user.id, stored)
    except AccountError as error:
        name = request.form.get("name", user.name)
        return _own_page(AccountForm(name, errors={error.field: str(error)}), 400)
    sign_in(changed)
    return redirect(f"{request.script_root}/account?done=password", code=303)


@blueprint.post("/delete")
@login_required
@few_attempts
def delete() -> ResponseReturnValue:
    user = current_user()
    try:
        if user.is_guest:
            _require_consent()
        else:
            _require_password("delete_password")
    except AccountError as error:
        return _own_page(AccountForm(user.name, errors={error.field: str(error)}), 400)
    with accounts().write() as connection:
        users.remove_user(connection, user.id)
    sign_out()
    return redirect(f"{request.script_root}/", code=303)


def _require_password(name: str) -> None:
    with accounts().read() as connection:
        stored = users.password_hash(connection, current_user().id)
    if not users.is_password(stored, request.form.get(name, "")):
        raise AccountError(name, _("This is not your password."))


def _require_consent() -> None:
    if request.form.get("consent") != "yes":
        raise AccountError("consent", _("Tick the box if everything is to be deleted."))


def _new_password() -> str:
    password = users.checked_password(request.form.get("password", ""))
    if password != request.form.get("again", ""):
        raise AccountError("again", _("This is not the same password."))
    return password


def _destination() -> str:
    """Where the person wanted to go; a path of ours."""
    return safe_path(request.values.get("next") or f"{request.script_root}/wallets")


def _entrance(page: str, form: AccountForm, status: int = 200) -> ResponseReturnValue:
    is_open = settings().registration == "open"
    body = render_template(f"account/{page}.html", form=form, is_open=is_open)
    return make_response(body, status)


def _own_page(form: AccountForm, status: int = 200) -> ResponseReturnValue:
    user: User = current_user()
    body = render_template("account/account.html", form=form, user=user)
    return make_response(body, status)
