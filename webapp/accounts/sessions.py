"""Sessions: the signed cookie, who it belongs to, and the answer to who has none."""

import secrets
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from flask import (
    Flask,
    Response,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager, login_user, logout_user

from webapp.accounts.users import User, find_user
from webapp.config import ConfigError
from webapp.context import services
from webapp.key_files import KEY_BYTES, shared_key

KEY_FILE = "secret-key"
SESSION_DAYS = 14


class Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, sent over TLS alone by a site that is reached over TLS."""

    digest_method = staticmethod(sha256)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return f"{request.script_root}/"


class Manager(LoginManager):  # type: ignore[misc]
    """Flask-Login without its "remember me" cookie: looking for one in every answer would make
    each public page one person's own in the eyes of caches."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


def sign_in(user: User) -> None:
    """Begin a session of theirs, with nothing of any earlier one in it. It ends with the browser;
    a guest's does not, for they have no other way back."""
    session.clear()
    session.permanent = user.is_guest
    login_user(user)
    g.user = user


def sign_out() -> None:
    logout_user()
    session.clear()
    g.pop("user", None)


def sign_in_address(target: str) -> str:
    """Of the page to sign in on, which leads to `target` afterwards."""
    return f"{request.script_root}/account/sign-in?{urlencode({'next': target})}"


def answer_unknown() -> ResponseReturnValue:
    """To who asks for a private page and is not signed in: the way there, nothing typed lost."""
    here = f"{request.script_root}{request.full_path.rstrip('?')}"
    if request.method not in {"GET", "HEAD"} or asked_by_script():
        return _session_lost()
    return redirect(sign_in_address(here), code=303)


def asked_by_script() -> bool:
    """True for htmx and fetch, which would take the sign-in page for the answer."""
    destination = request.headers.get("Sec-Fetch-Dest", "document")
    return "HX-Request" in request.headers or destination == "empty"


def _session_lost() -> Response:
    text = _("You are no longer signed in.")
    advice = _("Sign in again in another tab, then come back to this page and try again.")
    if asked_by_script() or request.accept_mimetypes.best == "application/json":
        return make_response(jsonify(error=text, help=advice, sign_in=sign_in_address("/")), 401)
    return make_response(render_template("account/lost.html"), 401)


def load_user(session_id: str) -> User | None:
    """Whose session it is; nobody's once the password has changed or the user is gone."""
    number, _colon, token = session_id.partition(":")
    if not number.isdecimal():
        return None
    with services().accounts.read() as connection:
        found = find_user(connection, int(number))
    if found is None or not secrets.compare_digest(found.session_token, token):
        return None
    return found


def signed_in() -> User | None:
    """For the header: who is signed in on a private page; on public ones nobody, for they are
    the same for all."""
    found: User | None = g.get("user")
    return found


def secret_key(directory: Path) -> bytes:
    """What signs the cookies. Raises ConfigError."""
    path = directory / KEY_FILE
    try:
        key = shared_key(path)
    except OSError as error:
        raise ConfigError(
            f"data_directory: {path} cannot be read or written ({error.strerror})"
        ) from error
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{path}: found {len(key)} bytes, expected {KEY_BYTES}; remove the file to have "
            "a new one made, which signs everybody out"
        )
    return key


def keep_private(response: Response) -> Response:
    if g.get("private"):
        response.headers["Cache-Control"] = "no-store"
    return response


def install(app: Flask, data_directory: Path) -> None:
    key = secret_key(data_directory)
    app.secret_key = key
    app.session_interface = Sessions()
    app.config.update(
        # Another install on this host has another name: they do not sign each other out.
        SESSION_COOKIE_NAME=f"satchel_session_{sha256(key).hexdigest()[:8]}",
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_PROTECTION="basic",
    )
    manager = Manager()
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(load_user)
    app.after_request(keep_private)
    app.jinja_env.globals.update(signed_in=signed_in)
