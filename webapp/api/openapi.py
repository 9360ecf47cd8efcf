"""The OpenAPI 3.1 document, made from the routes and from what stands beside their views."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Final, cast

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import Field, TypeAdapter
from werkzeug.routing import Rule

from webapp.api.describe import TEXT, Description, Hash, WholeNumber, description_of
from webapp.api.responses import json_answer

Json = dict[str, Any]

EXTENSION: Final = "satchel-openapi"
SCHEMAS: Final = "#/components/schemas/{model}"
PART: Final = re.compile(r"<(?:\w+:)?(\w+)>")
METHODS: Final = ("GET", "POST")
LIMIT_HEADERS: Final = {
    "X-RateLimit-Limit": "Requests that this client may make in a minute.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "When the minute ends, in seconds since 1970.",
}
ERRORS: Final = {
    400: "A parameter is not what it should be; the text says which.",
    401: "The API token is not known here.",
    404: "There is no such thing.",
    429: "Too many requests: wait as long as Retry-After says.",
    503: "The index or the node cannot be asked now: try again later.",
}
ABOUT: Final = (
    "Esplora's REST API, mempool.space's additions under /api/v1, and some of our own. Amounts are "
    "whole numbers of the smallest unit, hashes are written as displayed, times are seconds since "
    "1970 (UTC) unless it says otherwise. Errors are plain text. The WebSocket at /api/v1/ws is "
    "described in docs/api.md."
)

TAGS: Final = {
    "address": "addresses",
    "broadcast": "transactions",
    "scripts": "addresses",
}  # of subjects that another one includes

# The parts of paths, by the names that routes give them.
PATH_PARTS: Final[dict[str, Any]] = {
    "address": Annotated[str, Field(description="an address of this network")],
    "block_hash": Hash,
    "height": WholeNumber,
    "index": Annotated[WholeNumber, Field(description="a position in the block")],
    "last_seen": Annotated[Hash, Field(description="the txid after which to go on")],
    "prefix": Annotated[str, Field(description="how addresses begin")],
    "scripthash": Hash,
    "start": Annotated[WholeNumber, Field(description="where to start")],
    "timestamp": Annotated[WholeNumber, Field(description="seconds since 1970, UTC")],
    "txid": Hash,
    "vout": Annotated[WholeNumber, Field(description="the number of an output")],
}

blueprint = Blueprint("openapi", __name__, url_prefix="/api")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as routes have it."""

    path: str  # as OpenAPI writes it
    method: str
    tag: str
    summary: str
    text: str
    parts: dict[str, Any]  # name -> type
    description: Description


@blueprint.get("/openapi.json")
def show() -> Response:
    """This document."""
    return json_answer(document() | {"servers": [{"url": request.script_root or "/"}]})


def document() -> Json:
    """The app's document, made once."""
    found: Json | None = current_app.extensions.get(EXTENSION)
    if found is None:
        found = current_app.extensions[EXTENSION] = make_document(current_app)
    return found


def operations(app: Flask) -> Iterator[Operation]:
    """Every described view, by path."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        description = description_of(view)
        if description is None:
            continue
        summary, _, text = (view.__doc__ or "").strip().partition("\n")
        for method in METHODS:
            if method in (rule.methods or ()):
                yield Operation(
                    path=_path(rule),
                    method=method.lower(),
                    tag=_tag(rule),
                    summary=summary.rstrip("."),
                    text=" ".join(text.split()),
                    parts={
                        name: PATH_PARTS[name]
                        for name in (_shown(rule, part) for part in PART.findall(rule.rule))
                    },
                    description=description,
                )


def make_document(app: Flask) -> Json:
    found = list(operations(app))
    shapes, components = _schemas(found)
    paths: Json = {}
    for operation in found:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Satchel", "version": version("satchel"), "description": ABOUT},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": {
                name: {"description": text, "schema": {"type": "integer"}}
                for name, text in LIMIT_HEADERS.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Allows for more."}
            },
        },
    }


def _operation(operation: Operation, shapes: dict[str, Json]) -> Json:
    described = operation.description
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": shapes[_key(part)]}
        for name, part in operation.parts.items()
    ] + [
        {
            "name": name,
            "in": "query",
            "required": name in described.required,
            "schema": shapes[_key(kind)],
        }
        for name, kind in described.query.items()
    ]
    shape: Json = {
        "operationId": _identifier(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": _responses(described, shapes),
    }
    if operation.text:
        shape["description"] = operation.text
    if described.body is not None:
        content = {described.body.media: {"schema": shapes[_key(described.body.type)]}}
        shape["requestBody"] = {"required": True, "content": content}
    return shape


def _responses(described: Description, shapes: dict[str, Json]) -> Json:
    limits = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMIT_HEADERS}
    responses: Json = {
        "200": {
            "description": "The answer.",
            "headers": limits,
            "content": {described.media: {"schema": shapes[_key(described.answer)]}},
        }
    }
    for status in sorted({401, 429, 503, *described.errors}):
        responses[str(status)] = {
            "description": ERRORS[status],
            "content": {TEXT: {"schema": {"type": "string"}}},
        }
    wait = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    responses["429"]["headers"] = {**limits, "Retry-After": wait}
    return responses


def _schemas(found: list[Operation]) -> tuple[dict[str, Json], Json]:
    """The schema of each type by _key, and those that they share by name."""
    kinds: list[Any] = []
    for operation in found:
        described = operation.description
        kinds += [described.answer, *described.query.values(), *operation.parts.values()]
        if described.body is not None:
            kinds.append(described.body.type)
    adapters = {_key(kind): TypeAdapter(kind) for kind in kinds}
    made, shared = TypeAdapter.json_schemas(
        [(key, "serialization", adapter) for key, adapter in adapters.items()],
        ref_template=SCHEMAS,
    )
    shapes = {key: _tidy(shape) for (key, _mode), shape in made.items()}
    return shapes, {name: _tidy(shape) for name, shape in shared.get("$defs", {}).items()}


def _tidy(schema: Any) -> Any:
    """Objects hold nothing that is not said; and no titles that only repeat names."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {
        name: {key: _tidy(each) for key, each in value.items()}
        if name == "properties"
        else _tidy(value)
        for name, value in schema.items()
        if name != "title"
    }
    if "properties" in tidied:
        tidied.setdefault("additionalProperties", False)
    return tidied


def _path(rule: Rule) -> str:
    return PART.sub(lambda part: f"{{{_shown(rule, part[1])}}}", rule.rule)


def _shown(rule: Rule, part: str) -> str:
    """The name of a path's part; some views take an address or a scripthash and call it name."""
    if part != "name":
        return part
    return cast(dict[str, str], rule.defaults)["kind"]


def _tag(rule: Rule) -> str:
    """The subject: of Esplora's and of mempool.space's views the same."""
    subject: str = rule.endpoint.partition(".")[0].removeprefix("esplora_").removeprefix("v1_")
    return TAGS.get(subject, subject)


def _identifier(operation: Operation) -> str:
    return re.sub(r"\W+", "_", f"{operation.method}{operation.path}").strip("_")


def _key(kind: Any) -> str:
    return repr(kind)
