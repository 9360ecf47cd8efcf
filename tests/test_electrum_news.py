"""What subscribers are told while blocks come, are overturned, and payments wait."""

import json
import resource
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from indexer.chain.encoding import TxOutput
from indexer.chain.script import p2wpkh
from indexer.node.base import TransactionRejectedError
from indexer.queries.pulse import read_pulse
from tests.books import Books
from tests.electrum_client import ElectrumClient
from tests.fixtures_clients import LiveChain
from tests.fixtures_electrum import RunningServer, electrum_command, electrum_server
from tests.fixtures_site import Site
from tests.test_electrum_answers import scripthash, status_of
from wallet.builder import sign
from webapp.demo.economy import Economy
from webapp.electrum.limits import Limits
from webapp.electrum.watcher import Moment

UNLIMITED = Limits(cost_per_second=1e9)
SUBSCRIBERS = 1_000
BLOCKS = 3
SETTLED_SECONDS = 1.0  # several looks of the watcher
PATIENCE_SECONDS = 60


def test_every_status_through_payments_blocks_and_a_reorganisation(live_site: Site) -> None:
    """After each movement a subscriber of all scripts knows what the node's own blocks say."""
    economy = Economy(live_site.node)
    economy.resume()
    with (
        electrum_server(live_site, limits=UNLIMITED) as running,
        ElectrumClient(running.port) as client,
    ):
        known: dict[str, str | None] = {}
        tip = client.call("blockchain.headers.subscribe")

        books = Books(live_site.node)

        def pay() -> None:
            for _ in range(6):
                try:
                    economy.act()
                except TransactionRejectedError:
                    economy.ledger.follow()

        def reorganise() -> None:
            economy.reorganise(3)

        for move in (pay, economy.mine_next, reorganise, pay, economy.mine_next):
            for name in map(scripthash, books.accounts):
                if name not in known:
                    known[name] = client.call("blockchain.scripthash.subscribe", name)
            move()
            live_site.step()
            told: Counter[str] = Counter()
            for method, parameters in heard(running, live_site, client):
                if method == "blockchain.headers.subscribe":
                    tip = parameters[0]
                    continue
                name, status = parameters
                assert known[name] != status
                known[name] = status
                told[name] += 1
            books = Books(live_site.node)
            assert tip["height"] == len(books.blocks) - 1
            assert tip["hex"] == books.blocks[-1].header.serialize80().hex()
            expected = dict.fromkeys(known) | {
                scripthash(script): status_of(account) for script, account in books.accounts.items()
            }
            assert {name: expected[name] for name in known} == known
            assert told
            # The index takes back, connects and fills the mempool in steps: each may be seen.
            assert max(told.values()) <= (3 if move is reorganise else 1)


def heard(running: RunningServer, site: Site, client: ElectrumClient) -> Iterator[tuple[str, Any]]:
    """All notifications up to what the index holds now."""
    with site.database.read() as connection:
        pulse = read_pulse(connection)
    assert pulse is not None
    end = time.monotonic() + 60
    while running.server.watcher.moment != Moment.of(pulse):
        assert time.monotonic() < end
        time.sleep(0.05)
    while not client.silent_for(0.5):
        yield client.next_news()


class Crowd:
    """Many connections in this thread, which only listen."""

    def __init__(self, port: int, names: list[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self.news: list[Counter[str]] = [Counter() for _ in names]
        self._rest = [b""] * len(names)
        self.sockets = []
        for number, name in enumerate(names):
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            asked = [
                ("blockchain.headers.subscribe", []),
                ("blockchain.scripthash.subscribe", [name]),
            ]
            for method, parameters in asked:
                request = {"id": 0, "method": method, "params": parameters}
                connection.sendall(json.dumps(request).encode() + b"\n")
            answered = b""
            while answered.count(b"\n") < 2:
                answered += connection.recv(4096)
            self._selector.register(connection, selectors.EVENT_READ, number)
            self.sockets.append(connection)

    def listen(self, expected: int) -> None:
        """Until that many were told since the last time, and then a while for what is too much."""
        told = 0
        end = time.monotonic() + PATIENCE_SECONDS
        while told < expected and time.monotonic() < end:
            told += self._read(1)
        while self._read(SETTLED_SECONDS):
            pass

    def _read(self, seconds: float) -> int:
        """What comes next, if it comes within so long."""
        count = 0
        for key, _ in self._selector.select(seconds):
            *lines, rest = (self._rest[key.data] + key.fileobj.recv(1 << 16)).split(b"\n")
            self._rest[key.data] = rest
            for line in lines:
                what = json.loads(line)["params"][0]
                self.news[key.data][what if isinstance(what, str) else what["hex"]] += 1
            count += len(lines)
        return count

    def close(self) -> None:
        self._selector.close()
        for connection in self.sockets:
            connection.close()


def test_a_thousand_subscribers_are_told_once(
    live_chain: LiveChain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of its own script and of each block, while blocks that pay them all arrive."""
    keys = [sha256(b"subscriber %d" % number).digest()[:20] for number in range(SUBSCRIBERS)]
    scripts = [p2wpkh(key) for key in keys]
    allow_files(SUBSCRIBERS + 200)
    with electrum_command(live_chain.site, tmp_path) as (process, port):
        with ElectrumClient(port) as client:
            client.call("server.banner")
        empty = memory(process.pid)
        crowd = Crowd(port, [scripthash(script) for script in scripts])
        connected = memory(process.pid)
        headers = []
        try:
            for _ in range(BLOCKS):
                pay_all(live_chain, scripts)
                crowd.listen(SUBSCRIBERS)
                tip = live_chain.node.block_hash(live_chain.mine())
                headers.append(live_chain.node.block(tip)[:80].hex())
                crowd.listen(2 * SUBSCRIBERS)
        finally:
            crowd.close()
        after = memory(process.pid)
    for script, told in zip(scripts, crowd.news, strict=True):
        assert {header: told[header] for header in headers} == dict.fromkeys(headers, 1)
        # Once when the payment waits and once when it is confirmed, for each block.
        assert told[scripthash(script)] == 2 * BLOCKS
    with capsys.disabled():
        print(
            f"\nElectrum server, memory: {empty >> 10} MB empty, {connected >> 10} MB with "
            f"{SUBSCRIBERS} subscribers, {after >> 10} MB after {BLOCKS} blocks that paid each"
        )


def pay_all(chain: LiveChain, scripts: list[bytes]) -> None:
    coin = chain.miner.coins.pop(0)
    amount = (coin.value - 100_000) // len(scripts)
    payment = sign([coin], [TxOutput(amount, script) for script in scripts])
    chain.node.submit(payment.serialize())


def memory(process: int) -> int:
    """In KB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
