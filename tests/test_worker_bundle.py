"""The browser's code as it is built and checked: unit tests, mutants, lint, reproducible bytes."""

import re
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tests.conftest import SHOWN_AT_THE_END
from tests.javascript import ROOT, node_binary

STATIC = ROOT / "static"
SOURCES = sorted((STATIC / "src").rglob("*.ts"))
WORKER = sorted((STATIC / "src/wallet/worker").glob("*.ts"))
BUILD_FILES = ("build.mjs", "wordlists.mjs", "package.json", "tsconfig.json")
PATIENCE = 300  # seconds
LEAST_MUTANTS = 300


def test_the_browsers_unit_tests_pass_and_every_mutant_is_refused(
    record_property: Callable[[str, object], None],
) -> None:
    run = subprocess.run(
        [node_binary(), "tests/run.mjs"],
        cwd=STATIC, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    tables = re.findall(r"^(?:Mutants of|  \S).*", run.stdout, re.MULTILINE)
    record_property(SHOWN_AT_THE_END, "\n".join(tables))
    rows = [row for row in tables if re.match(r"  \S.{57} ([a-z0-9_]+) ", row)]
    assert len(rows) >= LEAST_MUTANTS
    assert "SIGNED" not in run.stdout


def test_randomness_is_never_math_random() -> None:
    assert len(SOURCES) > 30
    offenders = [str(path) for path in SOURCES if "Math.random" in path.read_text("utf-8")]
    assert offenders == []


def test_only_one_file_of_the_worker_draws_random_bytes() -> None:
    using = [path.name for path in WORKER if "getRandomValues" in path.read_text("utf-8")]
    assert using == ["random.ts"]


def test_the_worker_asks_nothing_of_the_network() -> None:
    ways = re.compile(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|eval)\(")
    for path in WORKER:
        assert not ways.search(path.read_text("utf-8")), path


def test_no_key_leaves_in_an_answer() -> None:
    """The types of the answers name what goes out; none of it is a secret but the new words."""
    protocol = (STATIC / "src/wallet/protocol.ts").read_text("utf-8")
    out = "".join(re.findall(r"answer: (\{.*?\}|\w+);", protocol, re.DOTALL))
    assert out
    assert not re.search(r"xprv|privateKey|seed|mnemonic|passphrase|password", out)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (_built(tmp_path / name) for name in ("one", "another/further/down"))
    assert first == second
    assert {"manifest.json"} < set(first)
    assert any(name.startswith("worker-") for name in first)


def _built(folder: Path) -> dict[str, str]:
    """File name -> hash of what a build in this folder makes."""
    folder.mkdir(parents=True)
    shutil.copytree(STATIC / "src", folder / "src")
    for name in BUILD_FILES:
        shutil.copy(STATIC / name, folder / name)
    (folder / "node_modules").symlink_to(STATIC / "node_modules")
    subprocess.run([node_binary(), "build.mjs"], cwd=folder, check=True, capture_output=True)
    return {
        path.name: sha256(path.read_bytes()).hexdigest() for path in (folder / "dist").iterdir()
    }
