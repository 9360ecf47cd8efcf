"""A real Chromium. Whatever goes wrong in a page fails its test: errors, CSP violations, requests
to elsewhere."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE_WIDTH = 390
DESK_WIDTH = 1440
AXE = Path(__file__).resolve().parents[1] / "static/node_modules/axe-core/axe.min.js"

Axe = Callable[..., list[str]]

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Watcher:
    """What went wrong in one page."""

    origin: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self._note(f"request to elsewhere: {request.url}")

    def _note(self, problem: str) -> None:
        if not any(part in problem for part in self.expected):
            self.problems.append(problem)


class QuietHandler(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        if type == "error" and "connection" not in message.lower():
            super().log(type, message, *args)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole session."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Servers:
    """Serves apps on ports of this machine."""

    def __init__(self) -> None:
        self._stops: dict[str, Callable[[], None]] = {}

    def __call__(self, app: Flask, port: int = 0) -> str:
        """Start serving, on a free port unless one is named; returns the origin."""
        server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
        server.daemon_threads = True  # type: ignore[attr-defined]
        server.block_on_close = False  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        def stop() -> None:
            app.extensions["satchel"].live.close()
            server.shutdown()
            server.server_close()
            thread.join(5)

        origin = f"http://127.0.0.1:{server.server_port}"
        self._stops[origin] = stop
        return origin

    def stop(self, origin: str) -> None:
        self._stops.pop(origin)()

    def stop_all(self) -> None:
        for origin in list(self._stops):
            self.stop(origin)


@pytest.fixture
def serve_app() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop_all()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in contexts of their own and fails the test if anything was wrong in one.

    `expected` names parts of messages that are not problems here, such as "status of 404".
    """
    watchers: list[Watcher] = []
    contexts: list[Any] = []

    def open_(
        url: str,
        *,
        width: int = DESK_WIDTH,
        theme: str = "light",
        javascript: bool = True,
        expected: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=javascript,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        parts = urlsplit(url)
        watcher = Watcher(f"{parts.scheme}://{parts.netloc}", expected=list(expected))
        watcher.watch(page)
        watchers.append(watcher)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [problem for watcher in watchers for problem in watcher.problems] == []


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Finds what is not accessible in a page: one line per violation, to compare with [].

    Looks at everything, or at the axe rules named.
    """
    source = AXE.read_text(encoding="utf-8")

    def find(page: Page, *rules: str) -> list[str]:
        if not page.evaluate("'axe' in window"):
            page.evaluate(source)  # by the debugger: the page's policy does not hold it up
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = list(rules)
        result = page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]

    return find
