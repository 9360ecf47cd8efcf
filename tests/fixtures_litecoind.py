"""Real daemons of the Core family on regtest, each in a directory of its own, loopback only."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from indexer.chain.network import Network, get_network
from indexer.node.core import CoreNode

# Debian's package puts a wrapper on PATH that writes into the home directory.
LITECOIND = Path("/usr/lib/litecoin/litecoind")
START_TIMEOUT = 30  # seconds
MWEB_HEIGHT = 432  # where it activates on regtest
COIN = 100_000_000


class DaemonError(Exception):
    """The daemon refused a call, or ended."""


class Daemon:
    """One regtest node of its own. `options` are command line options without the dash."""

    def __init__(self, binary: Path, network: Network, directory: Path, *options: str) -> None:
        self.network = network
        self.directory = directory
        self.binary = binary
        self.options = options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.cookie_file = directory / "regtest" / ".cookie"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, *more_options: str, wait: bool = True) -> None:
        options = [
            "regtest",
            f"datadir={self.directory}",
            "server",
            "rest",
            "listen=0",
            "dnsseed=0",
            "printtoconsole=0",
            "fallbackfee=0.0002",
            "keypool=5",  # a thousand keys in each new wallet take their time
            f"rpcport={self.port}",
            "rpcbind=127.0.0.1",
            "rpcallowip=127.0.0.1",
            *self.options,
            *more_options,
        ]
        self._process = subprocess.Popen(
            [self.binary, *(f"-{option}" for option in options)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                self.rpc("getblockcount")
                return
            except (DaemonError, urllib3.exceptions.HTTPError, FileNotFoundError) as error:
                if self._process is None or self._process.poll() is not None:
                    raise DaemonError(f"{self.binary} ended at once") from error
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """As an operator does: everything is flushed. `meanwhile` is called until it ended.

        Core waits half a minute for connections that stay open without a further request.
        """
        if self._process is not None:
            self._http.clear()
            self._process.terminate()
            deadline = time.monotonic() + 2 * START_TIMEOUT
            while self._process.poll() is None and time.monotonic() < deadline:
                meanwhile()
                time.sleep(0.05)
            self._process.wait(1)
            self._process = None

    def kill(self) -> None:
        """As a power cut does; the cookie file stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_TIMEOUT)
            self._process = None

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process else None

    def rpc(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        response = self._http.request(
            "POST",
            self.url + (f"/wallet/{wallet}" if wallet is not None else "/"),
            body=json.dumps({"id": 0, "method": method, "params": params}),
            headers=urllib3.make_headers(basic_auth=self.cookie_file.read_text()),
        )
        if not response.data:
            raise DaemonError(f"{method}: HTTP {response.status}")
        answer = json.loads(response.data)
        if answer["error"] is not None:
            raise DaemonError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    @property
    def height(self) -> int:
        height: int = self.rpc("getblockcount")
        return height

    def create_wallet(self, name: str) -> str:
        """Makes a wallet and returns an address of it."""
        self.rpc("createwallet", name)
        return self.address(name)

    def address(self, wallet: str = "miner", kind: str | None = None) -> str:
        """A new address; `kind` as in getnewaddress: legacy, p2sh-segwit, bech32, mweb."""
        address: str = self.rpc("getnewaddress", "", *([kind] if kind else []), wallet=wallet)
        return address

    def mine(self, count: int = 1, address: str | None = None) -> list[str]:
        """Mines to an address, by default one of the wallet "miner"; returns the hashes."""
        hashes: list[str] = self.rpc("generatetoaddress", count, address or self.address())
        return hashes

    def send(self, address: str, coins: float, wallet: str = "miner") -> str:
        """Pays from a wallet; returns the txid."""
        txid: str = self.rpc("sendtoaddress", address, f"{coins:.8f}", wallet=wallet)
        return txid

    def peg_in(self, count: int) -> list[str]:
        """Leaves that many transactions in the mempool that pay into MWEB; returns their wallets.

        Each comes from a wallet of its own, which then holds coins inside MWEB only: one wallet
        would pay the second time from there. Mines one block to fund them.
        """
        names = [f"inside-{self.height}-{i}" for i in range(count)]
        for name in names:
            self.send(self.create_wallet(name), 2)
        self.mine()
        for name in names:
            self.send(self.address(kind="mweb"), 1, wallet=name)
        return names


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_mweb_chain(daemon: Daemon) -> None:
    """From an empty chain to height 440, past MWEB activation.

    Blocks 432 and 434 hold three peg-ins each, so that their HogEx has three and four inputs;
    block 435 holds a peg-out and a transaction wholly inside MWEB.
    """
    daemon.create_wallet("miner")
    daemon.mine(MWEB_HEIGHT - 2)
    inside = daemon.peg_in(3)
    daemon.mine()
    daemon.peg_in(3)
    for kind in ("legacy", "p2sh-segwit", "bech32"):
        daemon.send(daemon.address(kind=kind), 0.7)
    daemon.mine()
    daemon.send(daemon.address(), 0.25, wallet=inside[0])
    daemon.send(daemon.address(kind="mweb"), 0.25, wallet=inside[1])
    daemon.mine(6)


NewDaemon = Callable[..., Daemon]
NewNode = Callable[..., CoreNode]


@pytest.fixture
def new_node() -> Iterator[NewNode]:
    """Makes nodes of litecoin-regtest, or `network`, that are closed after the test."""
    nodes: list[CoreNode] = []

    def make(url: str, **options: Any) -> CoreNode:
        node = CoreNode(options.pop("network", get_network("litecoin-regtest")), url, **options)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()


@pytest.fixture(scope="session")
def litecoind_binary() -> Path:
    if not LITECOIND.exists():
        pytest.skip("needs litecoind: install the package litecoind")
    return LITECOIND


@pytest.fixture
def new_litecoind(litecoind_binary: Path, tmp_path: Path) -> Iterator[NewDaemon]:
    """Makes daemons for one test that restarts, prunes or breaks them; not yet started."""
    daemons: list[Daemon] = []

    def make(*options: str) -> Daemon:
        directory = tmp_path / f"litecoind-{len(daemons)}"
        daemon = Daemon(litecoind_binary, get_network("litecoin-regtest"), directory, *options)
        daemons.append(daemon)
        return daemon

    yield make
    for daemon in daemons:
        daemon.kill()


@pytest.fixture(scope="session")
def bitcoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with 110 blocks and a wallet "miner", where the machine has a bitcoind."""
    binary = shutil.which("bitcoind")
    if binary is None:
        pytest.skip("platform: needs bitcoind on PATH")
    directory = tmp_path_factory.mktemp("bitcoind")
    daemon = Daemon(Path(binary), get_network("bitcoin-regtest"), directory)
    daemon.start()
    daemon.create_wallet("miner")
    daemon.mine(110)
    yield daemon
    daemon.kill()


@pytest.fixture(scope="session")
def litecoind(litecoind_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all tests, with a chain that crosses MWEB activation: see make_mweb_chain.

    Tests may add blocks and transactions, and must not go back below height 440.
    """
    directory = tmp_path_factory.mktemp("litecoind")
    daemon = Daemon(litecoind_binary, get_network("litecoin-regtest"), directory)
    daemon.start()
    make_mweb_chain(daemon)
    yield daemon
    daemon.kill()
