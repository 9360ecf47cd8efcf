"""Fixtures shared by all tests; larger ones live in tests/fixtures_<subject>.py.

Skips are summed up at the end with what to install. With NO_SKIP=1 (CI) a skip
fails the run, unless its reason starts with "platform:" (a part that no registry carries).
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins: list[str] = [
    "tests.fixtures_browser",
    "tests.fixtures_database",
    "tests.fixtures_demo",
    "tests.fixtures_embedded",
    "tests.fixtures_litecoind",
    "tests.fixtures_replica",
    "tests.fixtures_scripted_index",
    "tests.fixtures_site",
    "tests.fixtures_clients",
    "tests.fixtures_electrum",
]

# No test depends on how fast the machine is.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

CHAINDATA = Path(__file__).resolve().parents[2] / "shared" / "chaindata"

SHOWN_AT_THE_END = "shown at the end"  # a property: what a test found, for people to read

_skipped: list[str] = []
_shown: list[str] = []


@pytest.fixture(scope="session")
def chaindata() -> Path:
    """Real blocks of public chains, described in their MANIFEST."""
    return CHAINDATA


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(report.longrepr[2].removeprefix("Skipped: "))
    if report.when == "call":
        _shown.extend(
            str(text) for name, text in report.user_properties if name == SHOWN_AT_THE_END
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    forbidden = [reason for reason in _skipped if not reason.startswith("platform:")]
    if forbidden and os.environ.get("NO_SKIP") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for text in _shown:
        terminalreporter.section("what the tests found")
        terminalreporter.line(text)
    if not _skipped:
        return
    terminalreporter.section("not tested here, and why")
    for reason in sorted(set(_skipped)):
        terminalreporter.line(f"{_skipped.count(reason)} x {reason}")
