"""The API for people: every endpoint with its parameters, and a form to try those that read."""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.test import create_environ, run_wsgi_app

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.keys import script_hash
from indexer.queries.blocks import block_transactions, newest_blocks
from indexer.queries.spends import confirmed_outputs
from indexer.queries.transactions import find_confirmed
from webapp.api.describe import JSON
from webapp.api.openapi import document
from webapp.caching import cached
from webapp.context import connection, network
from webapp.limits import costly

MOST_SHOWN: Final = 20_000  # bytes of an answer
SHOWN_HEADERS: Final = ("Content-Type", "Cache-Control", "ETag", "X-RateLimit-Remaining")
Json = dict[str, Any]

blueprint = Blueprint("api_docs", __name__)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a form."""

    name: str
    required: bool
    text: str
    example: str
    several: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the document. `body` is what a POST takes, None for others."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Parameter, ...]
    answer: str
    schema: str
    body: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an endpoint answered, as far as it is shown."""

    name: str
    address: str
    status: str
    headers: tuple[tuple[str, str], ...]
    body: str
    cut: bool


@blueprint.get("/api/docs")
def show() -> ResponseReturnValue:
    return cached(_page(None), "api-docs", *sorted(_examples().items()))


@blueprint.get("/api/docs/try")
@costly
def attempt() -> ResponseReturnValue:
    """Ask an endpoint as the form says and show its answer."""
    endpoints = {each.name: each for _tag, each in _tagged({})}
    found = endpoints.get(request.args.get("operation", ""))
    if found is None or found.body is not None:
        abort(404, _("There is no such endpoint to try."))
    tried = _ask(found)
    if "HX-Request" in request.headers:
        return render_template("api/answer.html", attempt=tried), {"Cache-Control": "no-store"}
    return _page(tried), {"Cache-Control": "no-store"}


def _page(tried: Attempt | None) -> str:
    groups: dict[str, list[Endpoint]] = {}
    for tag, endpoint in sorted(_tagged(_examples()), key=lambda each: each[0]):
        groups.setdefault(tag, []).append(endpoint)
    return render_template("api/docs.html", groups=groups, attempt=tried)


def _tagged(examples: dict[str, str]) -> list[tuple[str, Endpoint]]:
    made = document()
    return [
        (operation["tags"][0], _endpoint(path, method, operation, made, examples))
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    ]


def _endpoint(
    path: str, method: str, operation: Json, made: Json, examples: dict[str, str]
) -> Endpoint:
    ((media, content),) = operation["responses"]["200"]["content"].items()
    body = operation.get("requestBody")
    return Endpoint(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        parameters=tuple(
            Parameter(
                name=each["name"],
                required=each["required"],
                text=each["schema"].get("description", ""),
                example=examples.get(each["name"], "") if each["required"] else "",
                several=each["schema"].get("type") == "array",
            )
            for each in operation["parameters"]
        ),
        answer=media,
        schema=json.dumps(_expanded(content["schema"], made), indent=1) if media == JSON else "",
        body=None if body is None else ", ".join(body["content"]),
    )


def _expanded(schema: Any, made: Json, seen: frozenset[str] = frozenset()) -> Any:
    """The schema with what it refers to in place, but for what refers to itself."""
    if isinstance(schema, list):
        return [_expanded(each, made, seen) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        return _expanded(made["components"]["schemas"][name], made, seen | {name})
    return {key: _expanded(value, made, seen) for key, value in schema.items()}


def _examples() -> dict[str, str]:
    """Things of this chain to ask for, by the names of parameters."""
    newest = newest_blocks(connection(), 1)
    if not newest:
        return {}
    tip = newest[0]
    (coinbase,) = block_transactions(connection(), tip.height, 0, 1)
    found = {
        "block_hash": hash_hex(tip.hash),
        "height": str(tip.height),
        "index": "0",
        "last_seen": hash_hex(coinbase.txid),
        "start": "0",
        "timestamp": str(tip.time),
        "txId[]": hash_hex(coinbase.txid),
        "txid": hash_hex(coinbase.txid),
        "vout": "0",
    }
    summary = find_confirmed(connection(), coinbase.txid)
    outputs = (
        ()
        if summary is None
        else confirmed_outputs(connection(), summary, 0, 1, spends_indexed=False)
    )
    for paid in outputs:
        address = address_of(paid.script, network()) or ""
        found |= {"address": address, "prefix": address[:8]}
        found["scripthash"] = hash_hex(script_hash(paid.script))
    return found


def _ask(endpoint: Endpoint) -> Attempt:
    path = endpoint.path
    query: list[tuple[str, str]] = []
    for each in endpoint.parameters:
        value = request.args.get(each.name, "").strip()
        marked = f"{{{each.name}}}"
        if marked in path:
            path = path.replace(marked, quote(value or "-", safe=""))
        elif value:
            query += [(each.name, part) for part in (value.split() if each.several else [value])]
    address = path + ("?" + urlencode(query) if query else "")
    environ = create_environ(path, request.url_root, query_string=urlencode(query))
    environ["REMOTE_ADDR"] = request.remote_addr
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    parts, status, headers = run_wsgi_app(app, environ)
    body = b""
    for part in parts:
        body += part
        if len(body) > MOST_SHOWN:
            break
    close = getattr(parts, "close", None)
    if close is not None:
        close()
    shown = tuple((name, headers[name]) for name in SHOWN_HEADERS if name in headers)
    cut = len(body) > MOST_SHOWN
    return Attempt(
        endpoint.name, address, status, shown, _readable(body, headers.get("Content-Type", "")), cut
    )


def _readable(body: bytes, media: str) -> str:
    """JSON with its parts on lines, text as it is, bytes in hexadecimal."""
    if media.startswith(JSON) and len(body) <= MOST_SHOWN:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    if media.startswith((JSON, "text/")):
        return body[:MOST_SHOWN].decode("utf-8", "replace")
    return body[: MOST_SHOWN // 2].hex()
