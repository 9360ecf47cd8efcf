"""Headers of every response, the page's nonce, and the check that a form is our own."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request
from flask_babel import gettext as _
from markupsafe import Markup, escape

from webapp.cors import API, foreign_origin_allowed

NONCE_BYTES = 18
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types htmx signer"
)

# A worker has the policy of its own response, not its page's. The signing worker may compile the
# wasm it carries and may reach nothing; files that are no workers are not hindered by this.
STATIC_CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'wasm-unsafe-eval'"

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer: browsers then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Payments are scanned in wallet pages. All of them may: an unlocked wallet stays in one document,
# whichever of its pages that began with.
CAMERA_POLICY = HEADERS["Permissions-Policy"].replace("camera=()", "camera=(self)")
CAMERA_PATHS = "/wallets"
ONE_YEAR = 31_536_000

USUAL_BODY = 1 << 20  # bytes that a view reads; one that takes files may say more
LARGEST_BODY = 16 << 20


def nonce() -> str:
    """The nonce of this response: scripts and htmx elements must carry it."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(NONCE_BYTES)
    return str(g.nonce)


def hx(**attributes: str) -> Markup:
    """htmx attributes together with the nonce without which the browser ignores them.

    `{{ hx(get=url, target="#list", push_url="true") }}`; `sse_connect` becomes hx-sse:connect.
    """
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    if "sse-connect" in named:
        named["sse:connect"] = named.pop("sse-connect")
    named["nonce"] = nonce()
    return Markup(" ").join(
        Markup('hx-{}="{}"').format(name, escape(value)) for name, value in named.items()
    )


def refuse_foreign_forms() -> None:
    """Abort with 403 where another site's page made the browser send this request.

    Browsers say so themselves: Sec-Fetch-Site, or Origin in older ones. A client that sends
    neither and no cookie has no authority of a person's that could be abused.
    """
    if request.method in SAFE_METHODS:
        return
    if request.path.startswith(API) and foreign_origin_allowed():
        return  # the API knows no cookies
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site == "same-origin"
    elif origin is not None:
        ours = urlsplit(origin).netloc == request.host
    else:
        ours = not request.cookies
    if not ours:
        abort(403, _("This form was sent from another site, so it was not accepted."))


def refuse_large_bodies() -> None:
    """Abort with 413 where no view takes as much, whether or not it would look at the body."""
    if (request.content_length or 0) > LARGEST_BODY:
        abort(413)


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.path.startswith(CAMERA_PATHS):
        response.headers["Permissions-Policy"] = CAMERA_POLICY
    response.headers.setdefault("Cache-Control", "no-cache")
    # A 304 renews the stored headers but not the stored body, whose nonce must keep matching.
    if response.status_code != 304:
        policy = (
            STATIC_CONTENT_SECURITY_POLICY
            if request.endpoint == "static" and response.mimetype != "text/html"
            else CONTENT_SECURITY_POLICY.format(nonce=nonce())
        )
        response.headers["Content-Security-Policy"] = policy
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"
    return response


def install(app: Flask) -> None:
    """To be called before anything else adds an after_request function, so as to run last."""
    app.config.update(
        MAX_CONTENT_LENGTH=USUAL_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
    )
    app.before_request(refuse_foreign_forms)
    app.before_request(refuse_large_bodies)
    app.after_request(add_headers)
    app.jinja_env.globals.update(hx=hx, nonce=nonce)
