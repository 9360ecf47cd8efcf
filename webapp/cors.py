"""Which other sites' pages may use the API from their visitors' browsers: none unless set."""

from urllib.parse import urlsplit

from flask import Flask, Response, request

from webapp.context import settings

API = "/api/"
ALLOWED_HEADERS = "Authorization, Content-Type, If-None-Match"
EXPOSED_HEADERS = ", ".join(
    (
        "ETag",
        "Retry-After",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Total-Results",
    )
)
PREFLIGHT_SECONDS = 86_400


def foreign_origin_allowed() -> bool:
    """Whether the request comes from a page of a site that the settings name. For API paths."""
    allowed = settings().allowed_origins
    origin = request.headers.get("Origin")
    return origin is not None and ("*" in allowed or origin in allowed)


def own_origin() -> bool:
    """Whether the request's Origin is this site, or there is none (no page made it)."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def add_headers(response: Response) -> Response:
    if not request.path.startswith(API) or not settings().allowed_origins:
        return response
    response.vary.add("Origin")
    if not foreign_origin_allowed():
        return response
    everyone = "*" in settings().allowed_origins
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*" if everyone else request.headers["Origin"]
    headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


def install(app: Flask) -> None:
    app.after_request(add_headers)
