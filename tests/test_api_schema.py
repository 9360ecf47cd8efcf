"""The OpenAPI document and the answers: to real things, and to what schemathesis makes up."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema
from sqlalchemy import select

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.keys import script_hash
from indexer.schema import block, mempool_output, mempool_tx, output, replacement, stale_block, tx
from tests.apps import app_for
from tests.fixtures_site import Site
from webapp.api.describe import description_of
from webapp.api.openapi import operations
from webapp.config import EMBEDDED, Settings

EXAMPLES = 6  # of each operation, of requests as described and of others each
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SAMPLES = 4  # of each kind of thing


@pytest.fixture(scope="module")
def app(demo_site: Site) -> Flask:
    """Without limits that a test would reach."""
    unlimited = Settings(
        network="bitcoin-regtest",
        node_url=EMBEDDED,
        data_directory=demo_site.app.extensions["satchel"].settings.data_directory,
        rate_limit=100_000,
        api_rate_limit=1_000_000,
    )
    return app_for(unlimited, demo_site.database)


@pytest.fixture(scope="module")
def document(app: Flask) -> OpenApiSchema:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app)


class Samples:
    """Things that are there: confirmed, pending, replaced, stale."""

    def __init__(self, site: Site) -> None:
        with site.database.read() as connection:
            txids = [
                bytes(txid)
                for table, order in (
                    (tx, tx.c.tx_id.desc()),
                    (mempool_tx, mempool_tx.c.txid),
                    (replacement, replacement.c.txid),
                )
                for txid in connection.scalars(select(table.c.txid).order_by(order).limit(SAMPLES))
            ]
            txids += connection.scalars(
                select(tx.c.txid).order_by(tx.c.input_count.desc()).limit(SAMPLES)
            )
            hashes = [
                bytes(block_hash)
                for table in (block, stale_block)
                for block_hash in connection.scalars(
                    select(table.c.hash).order_by(table.c.height.desc()).limit(SAMPLES)
                )
            ]
            hashes += connection.scalars(select(block.c.hash).where(block.c.height < 2))
            scripts = {
                bytes(script)
                for table in (output, mempool_output)
                for script in connection.scalars(select(table.c.script).distinct().limit(300))
            }
        addresses = [
            address
            for script in sorted(scripts)
            if (address := address_of(script, site.node.network)) is not None
        ]
        self.parts: dict[str, list[Any]] = {
            "address": addresses[:: max(1, len(addresses) // SAMPLES)],
            "block_hash": [hash_hex(each) for each in hashes],
            "height": [0, 1, 150, site.node.tip().height],
            "index": [0, 1],
            "last_seen": [hash_hex(bytes(each)) for each in txids[:SAMPLES]],
            "prefix": ["bcrt1q", "m", "x"],
            "scripthash": [hash_hex(script_hash(each)) for each in sorted(scripts)[:SAMPLES]],
            "start": [0, 25, 150],
            "timestamp": [0, 1_800_000_000, 4_000_000_000],
            "txid": [hash_hex(bytes(each)) for each in txids],
            "vout": [0, 1],
        }

    def of(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Each sample of each part once, the parts side by side."""
        longest = max((len(self.parts[name]) for name in names), default=1)
        for number in range(longest):
            yield {name: self.parts[name][number % len(self.parts[name])] for name in names}


def test_every_view_of_the_api_is_described(app: Flask) -> None:
    undescribed = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        and description_of(app.view_functions[rule.endpoint]) is None
    }
    assert undescribed <= {
        "openapi.show",
        "v1_socket.explain",
        "v1_socket.open_socket",
        "api_docs.show",
        "api_docs.attempt",
    }
    found = list(operations(app))
    assert len(found) > 50
    assert all(operation.summary for operation in found)


def test_the_document_is_valid_openapi(document: OpenApiSchema) -> None:
    document.validate()


def test_what_is_there_is_answered_within_the_schema(
    app: Flask, document: OpenApiSchema, demo_site: Site
) -> None:
    samples = Samples(demo_site)
    answered: dict[str, int] = {}
    for operation in operations(app):
        if operation.method != "get" or operation.description.required:
            continue
        described = document[operation.path][operation.method.upper()]
        for parts in samples.of(list(operation.parts)):
            case = described.Case(path_parameters=parts)
            response = case.call()
            case.validate_response(response, checks=CHECKS)
            good = answered.setdefault(operation.path, 0)
            answered[operation.path] = good + (response.status_code == 200)
    assert [path for path, good in answered.items() if not good] == []


def test_whatever_is_asked_is_answered_within_the_schema(
    app: Flask, document: OpenApiSchema
) -> None:
    for operation in operations(app):
        described = document[operation.path][operation.method.upper()]
        for mode in GenerationMode:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=described.as_strategy(generation_mode=mode))
            def ask(case: Case[Any]) -> None:
                case.call_and_validate(checks=CHECKS)

            # Of a parameter that may be any text there is no wrong one.
            with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
                ask()
