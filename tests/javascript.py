"""Clients in JavaScript, run by Node.js with the packages of static/package.json."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
CALLER = ROOT / "tests/clients/call.mjs"
PATIENCE = 60  # seconds


def node_binary() -> str:
    """The system's Node.js, or the one that `make` has put beside Python."""
    search = f"{os.environ.get('PATH', '')}{os.pathsep}{Path(sys.executable).parent}"
    found = shutil.which("node", path=search)
    if found is None:
        pytest.skip("needs Node.js: run the suite by `make test`, which brings it")
    return found


def call(library: str, origin: str, *calls: list[Any]) -> list[Any]:
    """What a client makes of each call in turn; {"error": ..., "status": ...} where it fails."""
    run = subprocess.run(
        [node_binary(), CALLER, library, origin],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers: list[Any] = json.loads(run.stdout)
    return answers
