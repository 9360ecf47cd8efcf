"""The search box: straight to what was meant, a list where several things are, help where none."""

from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from indexer.queries.search import Reason, Scope, SearchResult, search
from webapp.context import connection, network, raw, required_pulse
from webapp.limits import costly
from webapp.search_words import (
    FindingWords,
    ProblemWords,
    finding_words,
    forms,
    problem_words,
)
from webapp.wallets.label_search import find_own_labels

blueprint = Blueprint("search", __name__)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """At most one of findings and problem is there; `nearest` are what may have been meant, and
    `labels` those of who is signed in."""

    text: str
    labels: tuple[FindingWords, ...]
    findings: tuple[FindingWords, ...]
    problem: ProblemWords | None
    nearest: tuple[FindingWords, ...]
    forms: str


@blueprint.get("/search")
@costly
def show() -> ResponseReturnValue:
    result = _search(suggesting=False)
    page = _page(result)
    found = (*page.labels, *page.findings)
    if len(found) == 1:
        response = redirect(found[0].href)
        response.headers["Cache-Control"] = "no-store"
        return response
    empty = result.problem is None or result.problem.reason is Reason.EMPTY
    missing = not found and not empty
    return _fresh(render_template("search/results.html", page=page), 404 if missing else 200)


@blueprint.get("/search/suggest")
def suggest() -> Response:
    """The list under the search box."""
    result = _search(suggesting=True)
    return _fresh(render_template("search/suggestions.html", page=_page(result)), 200)


def _search(*, suggesting: bool) -> SearchResult:
    scope = Scope(connection(), network(), required_pulse(), raw(), suggesting)
    return search(scope, request.args.get("q", ""))


def _page(result: SearchResult) -> SearchPage:
    labels = find_own_labels(result.text)
    return SearchPage(
        text=result.text,
        labels=labels,
        findings=tuple(map(finding_words, result.findings)),
        problem=problem_words(result.problem) if result.problem and not labels else None,
        nearest=tuple(map(finding_words, result.nearest)),
        forms=forms(),
    )


def _fresh(body: str, status: int) -> Response:
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-store"
    return response
