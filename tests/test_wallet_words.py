"""The browser's code finds a sentence for whatever it has to say."""

import re
from pathlib import Path

from markupsafe import Markup

from indexer.database import Database
from tests.apps import app_for
from webapp.config import Settings

SOURCES = Path(__file__).resolve().parents[1] / "static/src/wallet"
REFUSAL = re.compile(r'^  "(\w+)",(?: // (.*))?$', re.MULTILINE)
SENTENCE = re.compile(r'<span data-code="([^"]+)">([^<]+)</span>')
SAID = re.compile(r'\bsay\(\s*"([^"]+)"')


def sentences(database: Database) -> dict[str, str]:
    app = app_for(Settings(network="bitcoin-regtest"), database)
    page = app.test_client().get("/wallets/security").text
    found = SENTENCE.findall(page)
    assert len(found) == len(dict(found))  # each once
    return {code: Markup(text).unescape() for code, text in found}


def test_every_refusal_has_a_sentence(sqlite_database: Database) -> None:
    known = sentences(sqlite_database)
    protocol = (SOURCES / "protocol.ts").read_text()
    listed = protocol[
        protocol.index("REFUSALS = [") : protocol.index("] as const;\nexport type Ref")
    ]
    refusals = REFUSAL.findall(listed)
    assert len(refusals) > 50
    for code, parameters in refusals:
        assert code in known, code
        used = set(re.findall(r"%\((\w+)\)s", known[code]))
        assert used <= set(parameters.split(", ")), code


def test_every_code_that_is_said_exists(sqlite_database: Database) -> None:
    known = sentences(sqlite_database)
    said = {
        code
        for source in SOURCES.glob("*.ts")
        for code in SAID.findall(source.read_text(encoding="utf-8"))
    }
    assert "unreachable" in said
    assert said <= set(known)
