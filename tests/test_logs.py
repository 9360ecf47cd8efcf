"""What a server says of people's private things: nothing, whatever goes wrong."""

import logging
import re
import signal
import sqlite3
from pathlib import Path

import pytest
import urllib3
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from indexer.chain.network import get_network
from indexer.database import Database
from tests.fixtures_litecoind import free_port
from tests.satchel_process import answers, run_satchel, running
from tests.test_accounts_database import fill
from wallet.keys import Account, KeyNode, Purpose
from webapp.accounts.schema import account
from webapp.logs import DiscreetFormatter

PASSWORD = "a password nobody else has"
NODE_PASSWORD = "of-the-node-alone"
REGTEST = get_network("bitcoin-regtest")
MASTER = KeyNode.master(bytes(range(32)), REGTEST)
XPUB = Account(MASTER, REGTEST, Purpose.P2WPKH).node.xpub


class Visitor:
    """Asks like a browser that keeps its cookie."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookie = ""
        self.http = urllib3.PoolManager(retries=False, timeout=20)

    def ask(self, method: str, path: str, **options: object) -> urllib3.BaseHTTPResponse:
        headers = {"Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        answer = self.http.request(
            method, self.origin + path, headers=headers, redirect=False, **options
        )
        for cookie in answer.headers.getlist("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return answer


def test_nothing_private_is_said(tmp_path: Path) -> None:
    """The server at its most talkative, with a password and an account key given to each page that
    takes one, rightly and wrongly."""
    settings = {
        "network": "bitcoin-regtest",
        "data_directory": str(tmp_path),
        "port": str(free_port()),
        "log_level": "debug",
        "registration": "open",
        "node_user": "satchel",
        "node_password": NODE_PASSWORD,
        "web_processes": "1",
    }
    origin = f"http://127.0.0.1:{settings['port']}"
    with running("web", directory=tmp_path, log=tmp_path / "web.log", **settings) as satchel:
        satchel.wait_for(lambda: answers(f"{origin}/healthz"))
        visitor = Visitor(origin)
        form = {"name": "Ann", "password": PASSWORD, "again": PASSWORD}
        wrong = {**form, "again": PASSWORD + "?"}
        assert visitor.ask("POST", "/account/register", fields=wrong).status == 400
        assert visitor.ask("POST", "/account/register", fields=form).status == 303
        session = visitor.cookie.partition("=")[2]
        assert len(session) > 60
        whole = f"wpkh([00000000/84h/1h/0h]{XPUB}/<0;1>/*)"
        for descriptor in (whole, XPUB, XPUB[:-1], "nonsense"):
            body = {
                "name": "Savings", "kind": "watch", "fingerprint": None, "birthday_height": 0,
                "accounts": [{"purpose": 84, "account_index": 0, "descriptor": descriptor}],
            }  # fmt: skip
            statuses = [visitor.ask("POST", "/wallets", json=body).status for _twice in range(2)]
            assert statuses == ([201, 400] if descriptor == whole else [400, 400])
            visitor.ask("POST", "/wallets/new/watch", fields={"name": "x", "text": descriptor})
        for path in ("/wallets", "/wallets/1", "/wallets/1/details", "/wallets/1/labels.jsonl"):
            visitor.ask("GET", path)
        with sqlite3.connect(tmp_path / "accounts.sqlite") as damaged:
            damaged.execute("DROP TABLE account")
        body["accounts"][0]["descriptor"] = whole
        assert visitor.ask("POST", "/wallets", json=body).status == 503
        satchel.process.send_signal(signal.SIGTERM)
        satchel.process.wait(30)
    said = satchel.said
    assert "no such table: account" in said  # it does say what is wrong
    for secret in (PASSWORD, PASSWORD.replace(" ", "+"), XPUB, XPUB[:-1], session, NODE_PASSWORD):
        assert secret not in said
    assert re.search("[1-9A-HJ-NP-Za-km-z]{100}", said) is None


def test_commands_do_not_repeat_a_password(tmp_path: Path) -> None:
    told = run_satchel(
        "config",
        directory=tmp_path,
        node_user="satchel",
        node_password=NODE_PASSWORD,
        accounts_database_url="postgresql://satchel:of-the-database@127.0.0.1:1/none",
    )
    assert told.returncode == 0
    failed = run_satchel(
        "user", "list",
        directory=tmp_path,
        accounts_database_url="postgresql://satchel:of-the-database@127.0.0.1:1/none",
    )  # fmt: skip
    assert failed.returncode == 2
    for each in (told, failed):
        assert NODE_PASSWORD not in each.stdout + each.stderr
        assert "of-the-database" not in each.stdout + each.stderr


def test_errors_of_a_database_keep_their_parameters(
    accounts_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL itself repeats the values that were there already: the log does not."""
    fill(accounts_database, "Ann")
    row = {"wallet_id": 1, "name": "Twice", "descriptor": f"wpkh({XPUB}/<0;1>/*)",
           "next_receive": 0, "created_at": 1}  # fmt: skip
    with pytest.raises(IntegrityError) as caught, accounts_database.write() as connection:
        connection.execute(insert(account), [row, row])
    record = logging.LogRecord(
        "webapp", logging.ERROR, __file__, 1, "%s failed", ("POST /wallets",),
        (type(caught.value), caught.value, caught.tb),
    )  # fmt: skip
    line = DiscreetFormatter("%(levelname)s %(message)s").format(record)
    assert line.startswith("ERROR POST /wallets failed")
    assert "IntegrityError" in line
    assert XPUB not in line
    assert "Twice" not in line
    if not accounts_database.is_sqlite:
        assert "wpkh([extended key]/<0;1>/*)" in line
