"""When a browser or proxy may show a page again without asking, and when it must ask first."""

from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, make_response, request
from flask.typing import ResponseReturnValue

from webapp.preferences import preferences

ONE_YEAR = 31_536_000
PAGE_SECONDS = 300  # in a proxy: a settled page still names assets, and where the index stands
VARY = "Accept-Language, Cookie, HX-Request"


def cached(body: ResponseReturnValue, *key: object, settled: bool = False) -> Response:
    """Give a response its ETag, and 304 to who has it already.

    `key` is everything that it depends on besides the reader's preferences, such as the chain's
    generation. `settled` is for what cannot change any more: raw data are not asked for again,
    pages are asked for, but a proxy may answer for some minutes.
    """
    response = make_response(body)
    parts = (current_app.config["BUILD"], preferences().key, request.headers.get("HX-Request"))
    response.set_etag(sha256(repr((*parts, *key)).encode()).hexdigest()[:32], weak=True)
    response.headers["Vary"] = VARY
    control = response.cache_control
    if settled and response.mimetype != "text/html":
        control.public, control.max_age, control.immutable = True, ONE_YEAR, True
    elif settled and "HX-Request" not in request.headers:
        control.public, control.max_age, control.s_maxage = True, 0, PAGE_SECONDS
    else:
        control.no_cache = True
    response.make_conditional(request)
    return response


def install(app: Flask) -> None:
    """Find out which build this is: another one makes other pages of the same data."""
    files = [*Path(str(app.root_path), str(app.template_folder)).rglob("*.html")]
    files.append(Path(str(app.static_folder), "manifest.json"))
    seen = sorted((path.name, path.stat().st_mtime_ns) for path in files)
    app.config["BUILD"] = sha256(repr(seen).encode()).hexdigest()[:16]
