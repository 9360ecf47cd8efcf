"""How a reader wants pages: unit, theme and language, kept in cookies and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from babel import Locale
from flask import Blueprint, Flask, abort, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from flask_babel import gettext as _

UNITS: Final = ("coin", "small")
THEMES: Final = ("auto", "light", "dark")
LANGUAGES: Final = {"en": "English", "zh_Hans_CN": "简体中文"}
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "unit": UNITS,
    "theme": THEMES,
    "language": tuple(LANGUAGES),
}
COOKIE_PREFIX = "satchel_"
ONE_YEAR = 31_536_000

blueprint = Blueprint("preferences", __name__)


@dataclass(frozen=True, slots=True)
class Preferences:
    unit: str  # one of UNITS
    theme: str  # one of THEMES
    language: str  # one of LANGUAGES

    @property
    def key(self) -> str:
        """What tells two readers' copies of one page apart, for its ETag."""
        return f"{self.unit}.{self.theme}.{self.language}"

    @property
    def html_language(self) -> str:
        """As the lang attribute has it: zh-Hans-CN."""
        return self.language.replace("_", "-")


def preferences() -> Preferences:
    """Those of the request's reader."""
    if "preferences" not in g:
        g.preferences = Preferences(
            unit=_chosen("unit") or "coin",
            theme=_chosen("theme") or "auto",
            language=_chosen("language") or _language_of_browser(),
        )
    found: Preferences = g.preferences
    return found


def _chosen(name: str) -> str | None:
    value = request.cookies.get(COOKIE_PREFIX + name)
    return value if value in CHOICES[name] else None


def _language_of_browser() -> str:
    for wanted in request.accept_languages.values():
        # zh, zh-CN, zh-Hans and zh-SG all read Simplified Chinese with ease.
        language = wanted.replace("_", "-").split("-")[0].lower()
        for known in LANGUAGES:
            if Locale.parse(known).language == language:
                return known
    return "en"


@blueprint.post("/preferences")
def change() -> ResponseReturnValue:
    """Remember what the form names and go back to the page it was sent from."""
    wanted = {name: request.form[name] for name in CHOICES if name in request.form}
    for name, value in wanted.items():
        if value not in CHOICES[name]:
            abort(400, _("%(name)s cannot be “%(value)s”.", name=name, value=value))
    response = redirect(safe_path(request.form.get("next")), code=303)
    for name, value in wanted.items():
        response.set_cookie(
            COOKIE_PREFIX + name,
            value,
            max_age=ONE_YEAR,
            path=(request.script_root or "") + "/",
            secure=request.is_secure,
            httponly=True,
            samesite="Strict",
        )
    return response


def safe_path(target: str | None) -> str:
    """A path on this site; the home page where the target is, or could be read as, elsewhere."""
    home = (request.script_root or "") + "/"
    if not target or not target.startswith(home) or "\\" in target or not target.isprintable():
        return home
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or target.startswith("//"):
        return home
    return target


def install(app: Flask) -> None:
    Babel(app, locale_selector=lambda: preferences().language, timezone_selector=lambda: "UTC")
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(preferences=preferences, languages=LANGUAGES)
