"""`satchel index`, `web` and `check` as processes, and what they say to a user's mistakes."""

import signal
import socket
from pathlib import Path

import pytest
from sqlalchemy import update

from indexer.database import Database
from indexer.schema import block, output
from tests.fixtures_litecoind import Daemon, free_port
from tests.satchel_process import answers, get, indexed_height, run_satchel, running

NOBODY = "http://127.0.0.1:1"  # where nothing listens


def settings_of(daemon: Daemon, directory: Path) -> dict[str, str]:
    return {
        "network": daemon.network.name,
        "node_url": daemon.url,
        "node_cookie_file": str(daemon.cookie_file),
        "database_url": f"sqlite:///{directory / 'index.sqlite'}",
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def indexed(home: Path, litecoind: Daemon) -> dict[str, str]:
    """Settings under which `satchel index` and `satchel web`, side by side, made an index."""
    settings = settings_of(litecoind, home)
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    # Whichever comes first: pages are there before the index is, and follow it.
    with (
        running(
            "web", "--port", str(port), directory=home, log=home / "web.log", **settings
        ) as web,
        running("index", directory=home, log=home / "index.log", **settings) as index,
    ):
        web.wait_for(lambda: answers(f"{origin}/readyz"))
        index.wait_for(lambda: indexed_height(origin) == litecoind.height)
        for page in ("/", "/blocks", "/mempool", "/node"):
            assert get(origin + page).status == 200, page
        litecoind.mine()
        index.wait_for(lambda: indexed_height(origin) == litecoind.height)
        index.end(signal.SIGTERM)
        assert get(f"{origin}/blocks").status == 200  # pages go on without their indexer
        web.end(signal.SIGTERM)
    return settings


@pytest.fixture
def altered(indexed: dict[str, str], home: Path, tmp_path: Path) -> dict[str, str]:
    """Settings of a copy of the index, to be damaged."""
    source = home / "index.sqlite"
    path = tmp_path / "copy.sqlite"
    path.write_bytes(source.read_bytes())  # its writers have ended: no log stands beside it
    return {**indexed, "database_url": f"sqlite:///{path}"}


def test_index_and_web_share_a_database(indexed: dict[str, str], home: Path) -> None:
    result = run_satchel("check", "--all", directory=home, **indexed)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "agree with the node" in result.stdout
    sample = run_satchel("check", "--sample", "20", directory=home, **indexed)
    assert sample.returncode == 0, sample.stdout + sample.stderr
    assert sample.stdout.startswith("20 of ")


@pytest.mark.parametrize(("table", "column"), [("output", "value"), ("block", "fees")])
def test_a_changed_row_is_found(
    altered: dict[str, str], home: Path, table: str, column: str
) -> None:
    tables = {"output": output, "block": block}
    keys = {"output": output.c.output_id == 300, "block": block.c.height == 200}
    database = Database.open(altered["database_url"])
    with database.write() as connection:
        row = update(tables[table]).where(keys[table])
        connection.execute(row.values({column: tables[table].c[column] + 1}))
    database.dispose()
    result = run_satchel("check", "--all", directory=home, **altered)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stdout.startswith("The index differs from the node: ")
    assert column in result.stdout
    assert result.stdout.count("\n") == 1


class Mistake:
    """A command line with settings, and what of the one line it is answered with."""

    def __init__(self, command: str, *words: str, **settings: str) -> None:
        self.command, self.words, self.settings = command.split(), words, settings


MISTAKES = {
    "a setting that is no number": Mistake(
        "web", "SATCHEL_PORT", "'abc'", "1 to 65535", port="abc"
    ),
    "a setting that does not exist": Mistake("config", "SATCHEL_PROT", "SATCHEL_PORT", prot="1"),
    "an unknown network": Mistake("index --network litecoin", "--network", "litecoin-regtest"),
    "an unknown kind of database": Mistake(
        "index", "SATCHEL_DATABASE_URL", "sqlite:///path", database_url="mysql://localhost/x"
    ),
    "a database server that is down": Mistake(
        "index", "127.0.0.1", "refused", database_url="postgresql://nobody:secret@127.0.0.1:1/x"
    ),
    "the same for pages": Mistake(
        "web", "127.0.0.1", "refused", database_url="postgresql://nobody:secret@127.0.0.1:1/x"
    ),
    "a directory that does not exist": Mistake(
        "web", "/nowhere/at/all", "does not exist", database_url="sqlite:////nowhere/at/all/x"
    ),
    "the embedded node for real coins": Mistake(
        "index --network bitcoin-main", "node_url", "bitcoin-regtest", node_url="embedded"
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_one_line(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    settings = {"network": "litecoin-regtest", **mistake.settings}
    if "--network" in mistake.command:
        del settings["network"]
    result = run_satchel(*mistake.command, directory=tmp_path, **settings)
    require_one_line(result.returncode, result.stderr, mistake.words)
    assert "secret" not in result.stderr


def require_one_line(status: int, said: str, words: tuple[str, ...]) -> None:
    assert status == 2, said
    assert said.startswith("satchel: ")
    assert said.count("\n") == 1, said
    assert [word for word in words if word not in said] == []


def test_a_database_without_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    result = run_satchel(
        "check", "--all", directory=tmp_path, network="litecoin-regtest", database_url=url
    )
    require_one_line(result.returncode, result.stderr, ("new.sqlite", "satchel db upgrade"))
    assert not (tmp_path / "new.sqlite").exists()
    result = run_satchel("db", "upgrade", directory=tmp_path, database_url=url)
    assert (result.returncode, result.stdout) == (0, f"up to date: {url}\n")


@pytest.mark.parametrize("command", ["index", "web", "check --all", "db upgrade"])
def test_another_networks_index(command: str, indexed: dict[str, str], home: Path) -> None:
    other = {**indexed, "network": "bitcoin-regtest"}
    result = run_satchel(*command.split(), directory=home, **other)
    words = ("database_url", "litecoin-regtest", "bitcoin-regtest", "index.sqlite")
    require_one_line(result.returncode, result.stderr, words)


def test_another_networks_node(litecoind: Daemon, tmp_path: Path) -> None:
    """`check` gives up; `index` waits for the right node, and says so."""
    settings = {**settings_of(litecoind, tmp_path), "network": "bitcoin-regtest"}
    with running("index", directory=tmp_path, log=tmp_path / "log", **settings) as index:
        index.wait_for(lambda: "The node: " in index.said)
        assert "bitcoin-regtest" in index.said
        index.end(signal.SIGTERM)
    result = run_satchel("check", "--all", directory=tmp_path, **settings)
    assert result.returncode == 0  # nothing is indexed, so that nothing differs


def test_a_node_that_is_down(indexed: dict[str, str], home: Path) -> None:
    """Pages go on; `check`, which cannot, says why."""
    settings = {**indexed, "node_url": NOBODY}
    result = run_satchel("check", "--sample", "1", directory=home, **settings)
    require_one_line(result.returncode, result.stderr, ("127.0.0.1:1",))
    port = str(free_port())
    with running("web", "--port", port, directory=home, log=home / "log", **settings) as web:
        web.wait_for(lambda: answers(f"http://127.0.0.1:{port}/blocks"))
        web.end(signal.SIGINT)


def test_a_cookie_file_that_does_not_exist(indexed: dict[str, str], home: Path) -> None:
    settings = {**indexed, "node_cookie_file": "/nowhere/.cookie"}
    result = run_satchel("check", "--sample", "1", directory=home, **settings)
    require_one_line(result.returncode, result.stderr, ("/nowhere/.cookie",))


def test_a_port_in_use(indexed: dict[str, str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_satchel("web", "--port", port, directory=home, **indexed)
    require_one_line(result.returncode, result.stderr, ("port", f"127.0.0.1:{port}"))


def test_settings_in_force_are_shown_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "satchel.toml").write_text('network = "litecoin-regtest"\nport = 9001\n')
    result = run_satchel(
        "config", directory=tmp_path, node_user="satchel", node_password="hunter2", port="9002"
    )
    assert result.returncode == 0
    assert "hunter2" not in result.stdout + result.stderr
    assert "network = litecoin-regtest\n" in result.stdout
    assert "port = 9002\n" in result.stdout
    assert "satchel.toml" in result.stdout
