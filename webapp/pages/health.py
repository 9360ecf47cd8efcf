"""For the operator's machines: is it alive, is it ready, its figures for Prometheus."""

import time
from collections.abc import Iterator
from dataclasses import asdict

from flask import Blueprint, Flask, Response, current_app, g, jsonify, make_response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as render_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from indexer.queries.node import node_status
from webapp.context import connection, pulse, services

EXTENSION = "satchel-metrics"

blueprint = Blueprint("health", __name__)


class IndexCollector(Collector):
    """Figures of the index, read when asked for, in the request's connection."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        state = pulse()
        rows = node_status(connection()).rows
        figures = {
            "satchel_database_bytes": ("Size on disk", services().database.size()),
            "satchel_index_transactions": ("Transactions indexed", rows.transactions),
            "satchel_mempool_transactions": ("Transactions waiting", rows.mempool),
            "satchel_stale_blocks": ("Blocks reorganised out", rows.stale_blocks),
        }
        if state is not None:
            figures |= {
                "satchel_index_height": ("Height of the index", state.tip_height),
                "satchel_index_behind_blocks": ("Blocks the index is behind", state.behind),
                "satchel_index_loading": ("1 during the bulk load", int(state.loading)),
                "satchel_index_heartbeat_age_seconds": (
                    "Seconds since the indexer was heard of",
                    round(time.time()) - (state.heartbeat_at or 0),
                ),
                "satchel_node_up": ("1 if the node answers", int(state.node_error is None)),
                "satchel_node_height": ("Height of the node", state.node_height or 0),
            }
        replica = services().reads.replica()
        if replica is not None:
            figures["satchel_replica_up"] = ("1 if the replica answers", int(replica.answers))
            if replica.behind is not None:
                figures["satchel_replica_behind_blocks"] = (
                    "Blocks the replica is behind the primary",
                    replica.behind,
                )
        for name, (text, value) in figures.items():
            yield GaugeMetricFamily(name, text, value=value)


class Metrics:
    """What one web process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "satchel_http_requests",
            "Requests answered",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "satchel_http_request_seconds",
            "Time to answer",
            ["endpoint"],
            registry=self.registry,
        )
        self.registry.register(IndexCollector())


@blueprint.get("/healthz")
def alive() -> Response:
    """This process answers."""
    return _plain(jsonify(status="ok"))


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when pages show the whole chain; 503 with the reason while the index is loading."""
    state = pulse()
    if state is None:
        reason = "nothing is indexed yet"
    elif state.loading:
        reason = f"the first load is at block {state.tip_height} of {state.node_height}"
    else:
        replica = services().reads.replica()
        words = {} if replica is None else {"replica": asdict(replica)}
        return _plain(
            jsonify(status="ready", height=state.tip_height, behind=state.behind, **words)
        )
    response = _plain(jsonify(status="not ready", reason=reason))
    response.status_code = 503
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    registry = _metrics().registry
    response = make_response(render_metrics(registry))
    response.headers["Content-Type"] = CONTENT_TYPE_LATEST
    return _plain(response)


def _plain(response: Response) -> Response:
    response.cache_control.no_store = True
    return response


def _metrics() -> Metrics:
    found: Metrics = current_app.extensions[EXTENSION]
    return found


def _start_clock() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    _metrics().requests.labels(endpoint, response.status_code).inc()
    if "started" in g:
        _metrics().seconds.labels(endpoint).observe(time.perf_counter() - g.started)
    return response


def install(app: Flask) -> None:
    """Count every request. The blueprint itself is registered with the others."""
    app.extensions[EXTENSION] = Metrics()
    app.before_request(_start_clock)
    app.after_request(_count)
