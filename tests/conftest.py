"""Fixtures shared by all tests; larger ones live in tests/fixtures_<subject>.py."""

from pathlib import Path

import pytest

pytest_plugins: list[str] = []

CHAINDATA = Path(__file__).resolve().parents[2] / "shared" / "chaindata"


@pytest.fixture(scope="session")
def chaindata() -> Path:
    """Real blocks of public chains, described in their MANIFEST."""
    return CHAINDATA
