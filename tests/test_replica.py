"""Pages read from a real streaming replica: behind, stopped, started again."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection

from indexer import replica as replica_module
from indexer.chain.encoding import hash_hex, parse_transaction
from indexer.database import Database
from indexer.queries.pulse import read_pulse
from indexer.queries.transactions import is_pending
from indexer.replica import ReadDatabase
from indexer.sync.indexer import Indexer
from tests.fixtures_replica import Standby
from tests.fixtures_site import Served
from tests.satchel_process import wait_until
from tests.scripted_node import ScriptedNode, script_of, spend
from webapp import broadcast, context
from webapp.accounts.database import open_accounts
from webapp.app import create_app
from webapp.commands import open_replica
from webapp.config import ConfigError, Settings, describe, load_settings

READERS = 4
PATIENCE = 30  # seconds


def get_json(client: FlaskClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get(path).data)
    return found


class SendingNode(ScriptedNode):
    """Takes transactions, which are indexed at once."""

    def __init__(self, index: Callable[[], None]) -> None:
        super().__init__()
        self._index = index

    def submit(self, raw: bytes) -> bytes:
        transaction = self.accept(parse_transaction(raw, self.network))
        self._index()
        return transaction.txid


class Cluster:
    """A chain, indexed on the primary, and pages that read the replica."""

    def __init__(self, primary: Database, standby: Standby, directory: Path) -> None:
        self.node = SendingNode(self.index)
        self.primary = primary
        self.standby = standby
        self.indexer = Indexer(
            primary, self.node, keep_raw_blocks=True, stop=threading.Event(), progress=False
        )
        self.mine(10)
        standby.catch_up(primary)
        settings = Settings(
            network="bitcoin-regtest",
            data_directory=directory,
            read_database_url=standby.url,
            database_url=primary.url.render_as_string(hide_password=False),
        )
        self.replica = open_replica(settings)
        accounts = open_accounts(settings)
        self.app: Flask = create_app(
            settings, primary, accounts, self.node, replica=self.replica, demo=True
        )
        self.client = self.app.test_client(use_cookies=False)

    def mine(self, count: int) -> str:
        """Mine, index, and name the last block."""
        for _ in range(count):
            self.node.mine()
        self.index()
        return hash_hex(self.node.chain[-1].hash)

    def index(self) -> None:
        while self.indexer.step():
            pass

    def replica_has(self, txid: bytes) -> bool:
        assert self.replica is not None
        with self.replica.read() as connection:
            return is_pending(connection, txid)

    def close(self) -> None:
        self.app.extensions["satchel"].live.close()
        assert self.replica is not None
        self.replica.dispose()


@pytest.fixture(scope="module")
def cluster(
    primary: Database, standby: Standby, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """One for all tests here: each leaves the replica up to date."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replica_module, "RETRY_SECONDS", 0.3)
        patch.setattr(replica_module, "LOOK_SECONDS", 0.0)
        patch.setattr(broadcast, "SEEN_SECONDS", 0.3)  # it waits for the replica, not for long
        found = Cluster(primary, standby, tmp_path_factory.mktemp("cluster"))
        yield found
        found.close()


def test_a_replica_that_is_behind(cluster: Cluster) -> None:
    client = cluster.client
    assert get_json(client, "/readyz")["replica"] == {"answers": True, "behind": 0}
    assert "replica" not in client.get("/").text
    cluster.standby.pause()
    fresh = cluster.mine(3)
    # Pages say how far behind they are; so do the operator's figures.
    home = client.get("/").text
    assert "The replica is 3 blocks behind" in home
    assert "a copy of the index that is 3 blocks behind" in home
    ready = get_json(client, "/readyz")
    assert (ready["height"], ready["replica"]) == (10, {"answers": True, "behind": 3})
    assert "satchel_replica_behind_blocks 3.0" in client.get("/metrics").text
    assert "3 blocks behind" in client.get("/node").text
    # What is not there yet is looked for on the primary; what is nowhere is still missing.
    page = client.get(f"/block/{fresh}")
    assert page.status_code == 200
    assert "The replica is" not in page.text
    assert get_json(client, f"/api/block/{fresh}")["height"] == 13
    assert client.get(f"/api/block/{'0' * 63}1").status_code == 404
    assert client.get("/api/blocks/tip/height").text == "10"
    # People's own pages are read from the primary: what they have just done is there.
    assert "The replica is" not in cluster.app.test_client().get("/wallets").text
    cluster.standby.resume()
    cluster.standby.catch_up(cluster.primary)
    assert client.get("/api/blocks/tip/height").text == "13"
    assert get_json(client, "/readyz")["replica"] == {"answers": True, "behind": 0}


def test_what_was_just_sent_is_found(cluster: Cluster) -> None:
    payment = spend([(cluster.node.chain[1].transactions[0], 0)], [(1000, script_of("Ann"))])
    name = hash_hex(payment.txid)
    cluster.standby.pause()
    client = cluster.client
    assert client.post("/api/tx", data=payment.serialize().hex()).text == name
    assert client.get(f"/tx/{name}").status_code == 200
    assert get_json(client, f"/api/tx/{name}")["status"] == {"confirmed": False}
    assert client.get(f"/search?q={name}", follow_redirects=True).status_code == 200
    assert get_json(client, "/readyz")["replica"]["answers"]
    assert not cluster.replica_has(payment.txid)
    cluster.standby.resume()
    cluster.standby.catch_up(cluster.primary)
    assert cluster.replica_has(payment.txid)


def test_a_replica_stopped_and_started_under_load(cluster: Cluster) -> None:
    served = Served(cluster.app)
    stop = threading.Event()
    statuses: Counter[int] = Counter()
    paths = (
        "/",
        "/blocks",
        "/api/blocks/tip/height",
        f"/block/{hash_hex(cluster.node.chain[4].hash)}",
    )

    def read() -> None:
        with urllib3.PoolManager(retries=False, timeout=PATIENCE) as http:
            while not stop.is_set():
                for path in paths:
                    statuses[http.request("GET", served.origin + path).status] += 1

    def answered(wanted: Callable[[dict[str, object]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not wanted(get_json(cluster.client, "/readyz")["replica"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(2):
            before = statuses.total()
            cluster.standby.stop()
            answered(lambda replica: replica == {"answers": False, "behind": None})
            fresh = cluster.mine(2)
            assert "satchel_replica_up 0.0" in cluster.client.get("/metrics").text
            assert "does not answer" in cluster.client.get("/node").text
            assert cluster.client.get("/api/blocks/tip/hash").text == fresh
            cluster.standby.start()
            answered(lambda replica: replica == {"answers": True, "behind": 0})
            assert statuses.total() > before
    finally:
        stop.set()
        for reader in readers:
            reader.join(PATIENCE)
        served.close()
    assert set(statuses) == {200}, statuses


def test_a_replica_that_fails_in_the_middle(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page, and of an Electrum client's question: the primary answers."""
    reads = ReadDatabase(cluster.primary, cluster.replica)
    asked: list[bool] = []

    def fail_once(connection: Connection) -> None:
        asked.append(reads.is_replica(connection))
        if asked[-1]:
            cluster.standby.stop()

    def question(connection: Connection) -> int:
        fail_once(connection)
        pulse = read_pulse(connection)
        assert pulse is not None
        return pulse.tip_height

    assert reads.ask(question) == len(cluster.node.chain) - 1
    assert asked == [True, False]
    cluster.standby.start()
    shown = cluster.app.view_functions["blocks.show_list"]

    def show() -> Any:
        fail_once(context.connection())
        return shown()

    monkeypatch.setitem(cluster.app.view_functions, "blocks.show_list", show)
    wait_until(lambda: get_json(cluster.client, "/readyz")["replica"]["answers"])
    asked.clear()
    answer = cluster.client.get("/blocks")
    assert (answer.status_code, asked) == (200, [True, False])
    assert hash_hex(cluster.node.chain[-1].hash) in answer.text
    cluster.standby.start()


def test_the_password_of_a_replica_is_not_shown() -> None:
    settings = Settings(
        database_url="postgresql://one/x", read_database_url="postgresql://me:hunter2@two/x"
    )
    assert describe(settings)["read_database_url"] == "postgresql://me:***@two/x"


def test_pages_without_their_primary(cluster: Cluster) -> None:
    """Public ones go on; nobody can say how far behind they are."""
    lost = Database.open("postgresql://nobody@127.0.0.1:1/none")
    reads = ReadDatabase(lost, cluster.replica)
    with reads.read() as connection:
        assert reads.is_replica(connection)
    found = reads.replica()
    assert found is not None
    assert (found.answers, found.behind) == (True, None)


@pytest.mark.parametrize(
    ("database", "replica"),
    [
        ("sqlite:////tmp/x.db", "postgresql://localhost/x"),
        ("postgresql://localhost/x", "sqlite:////tmp/x.db"),
        ("postgresql://localhost/x", "postgresql://localhost/x"),
    ],
)
def test_a_replica_must_be_one(database: str, replica: str) -> None:
    with pytest.raises(ConfigError, match="read_database_url: expected a PostgreSQL replica"):
        load_settings(database_url=database, read_database_url=replica)
