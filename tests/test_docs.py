"""The documents say what the program does: settings, commands, rooms and dependencies."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.chain.network import NETWORKS
from webapp.cli import main
from webapp.config import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULTS_IN_WORDS = {
    "data_directory": "`~/.local/share/satchel`",
    "database_url": "a SQLite file in `data_directory`",
    "accounts_database_url": "a SQLite file in `data_directory`",
    "node_url": "the network's RPC port on this machine",
    "web_processes": "one per processor, up to 4",
}


def settings_table() -> str:
    """The README's table, from the code."""
    lines = ["| setting | variable | expected | default |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = DEFAULTS_IN_WORDS.get(name)
        if default is None:
            default = "" if field.default in {None, ""} else f"`{str(field.default).lower()}`"
        expected = str(field.description).split("; by default")[0]
        if name == "network":
            expected = "one of " + ", ".join(f"`{network}`" for network in NETWORKS)
        lines.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {expected} | {default} |")
    return "\n".join(lines)


def test_the_settings_table_is_that_of_the_code() -> None:
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    assert found is not None
    assert found.group(1).strip() == settings_table()


def test_every_command_in_the_documents_exists() -> None:
    texts = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))]
    said = {
        tuple(words.split())
        for text in texts
        for words in re.findall(
            r"satchel ((?:demo|index|web|electrum|check|db|token|user|wallet|config)\b[^\n`#|]*)",
            text,
        )
    }
    assert {words[0] for words in said} >= {"demo", "index", "web", "check", "config"}
    runner = CliRunner()
    for words in said:
        command = [word for word in words if re.fullmatch(r"[a-z]+", word)][
            : 2 if words[0] in {"db", "token", "user", "wallet"} else 1
        ]
        result = runner.invoke(main, [*command, "--help"])
        assert result.exit_code == 0, words
        for option in (word for word in words if word.startswith("--")):
            assert option.rstrip(".,:") in result.output, words


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "index",
        "web",
        "electrum",
        "check",
        "db upgrade",
        "token new",
        "user add",
        "user list",
        "user password",
        "user remove",
        "wallet new",
        "wallet address",
        "wallet sign",
        "wallet verify",
        "config",
    ],
)
def test_help_has_examples(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"satchel {command}" in result.output.split("Examples:")[1]


def test_make_help_lists_every_target_named_in_the_readme() -> None:
    said = set(re.findall(r"make ([a-z]+)", README))
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {"demo", "test"} <= said
    assert all(f"make {target} " in told for target in said)


def test_every_dependency_is_accounted_for() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + [
        entry for group in project["dependency-groups"].values() for entry in group
    ]
    manifest = json.loads((ROOT / "static" / "package.json").read_text(encoding="utf-8"))
    front_end = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
    names = {re.split(r"[\[<>=~ ]", entry)[0] for entry in wanted} | set(front_end)
    missing = {
        name for name in names if not re.search(rf"(^|[| ,]){re.escape(name)}\b", text, re.M)
    }
    assert not missing


def test_every_room_of_the_house_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        room
        for row in re.findall(r"^\| (`[^|]*) \|", text, re.M)
        for room in re.findall(r"`([a-z_/]+(?:\.py)?)`", row)
    }
    here = {room for room in rooms if (ROOT / room).exists() or (ROOT / "indexer" / room).exists()}
    assert rooms - here <= {"static/dist/"}


def test_the_module_is_the_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "webapp", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("satchel, version ")


def test_every_test_that_is_named_exists() -> None:
    named = [
        (document.name, *found)
        for document in sorted((ROOT / "docs").rglob("*.md"))
        for found in re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", document.read_text("utf-8"))
    ]
    assert len(named) > 20
    for document, file, name in named:
        assert (ROOT / file).is_file(), (document, file)
        assert f"def {name}(" in (ROOT / file).read_text("utf-8") or not name, (document, name)
