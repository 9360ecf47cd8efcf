"""A thousand WebSocket watchers on one web process while blocks arrive: each is told once."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from websockets.asyncio.client import ClientConnection, connect

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.chain.script import p2wpkh
from tests.fixtures_clients import LiveChain
from tests.own_thread import in_own_thread
from tests.test_web_shell_server import free_port

WATCHERS = 1000
PER_ADDRESS = 50  # connections from each of this machine's loopback addresses
BLOCKS = 3
SECONDS = 60.0
QUIET_SECONDS = 2.0
MOST_KILOBYTES_EACH = 100


class OneProcess:
    """`satchel web` with one worker process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def worker(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        (worker,) = children.read_text().split()
        return int(worker)

    def kilobytes(self) -> int:
        """Memory of the worker that nobody shares."""
        lines = Path(f"/proc/{self.worker}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.worker}/task").iterdir()))


@pytest.fixture
def one_process(live_chain: LiveChain, tmp_path: Path) -> Iterator[OneProcess]:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if "SATCHEL" not in name}
    environment |= {
        "SATCHEL_NETWORK": "bitcoin-regtest",
        "SATCHEL_NODE_URL": "embedded",
        "SATCHEL_DATA_DIRECTORY": str(tmp_path),
        "SATCHEL_DATABASE_URL": str(live_chain.site.database.url),
        "SATCHEL_WEB_PROCESSES": "1",
        "SATCHEL_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "webapp", "web"], env=environment)
    live_chain.wait_for(lambda: _answers(port), "answer of the web process")
    yield OneProcess(process, port)
    process.terminate()
    assert process.wait(10) == 0


def _answers(port: int) -> bool:
    try:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/healthz", retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


async def open_watcher(port: int, number: int, address: str) -> ClientConnection:
    source = f"127.0.1.{1 + number // PER_ADDRESS}"
    client = await connect(
        f"ws://127.0.0.1:{port}/api/v1/ws",
        compression=None,
        ping_interval=None,
        local_addr=(source, 0),
        max_queue=None,
    )
    await client.send(json.dumps({"action": "want", "data": ["blocks"], "track-address": address}))
    assert "blocks" in json.loads(await client.recv())
    return client


async def hear_until_quiet(client: ClientConnection) -> list[dict[str, Any]]:
    messages = []
    try:
        while True:
            async with asyncio.timeout(QUIET_SECONDS):
                messages.append(json.loads(await client.recv()))
    except TimeoutError:
        return messages


async def watch(chain: LiveChain, server: OneProcess, capsys: pytest.CaptureFixture[str]) -> None:
    address = address_of(p2wpkh(bytes(20)), chain.node.network)
    assert address is not None
    opening = asyncio.Semaphore(40)

    async def opened(number: int) -> ClientConnection:
        async with opening:
            return await open_watcher(server.port, number, address)

    warm = await opened(0)
    before, threads = server.kilobytes(), server.threads()
    started = time.monotonic()
    clients = [warm, *await asyncio.gather(*(opened(number) for number in range(1, WATCHERS)))]
    opening_seconds = time.monotonic() - started
    connected = server.kilobytes()

    payment = await asyncio.to_thread(chain.pay, address, 30_000)
    heights = [await asyncio.to_thread(chain.mine) for _ in range(BLOCKS)]
    mined = time.monotonic()
    heard = await asyncio.gather(*(hear_until_quiet(client) for client in clients))
    silent_after = time.monotonic() - mined - QUIET_SECONDS
    for messages in heard:
        told = [message["block"]["height"] for message in messages if "block" in message]
        assert told == heights
        paid = [
            each["txid"] for message in messages for each in message.get("block-transactions", [])
        ]
        assert paid == [hash_hex(payment.txid)]
    after = server.kilobytes()
    assert _answers(server.port)
    await asyncio.gather(*(client.close() for client in clients))
    with capsys.disabled():
        print(
            f"\n{WATCHERS} WebSocket watchers, one process: opened in {opening_seconds:.1f} s; "
            f"memory {before} KB with one, {connected} KB with all, {after} KB after {BLOCKS} "
            f"blocks: {(after - before) / WATCHERS:.1f} KB each; {server.threads() - threads} more "
            f"threads; all told {silent_after:.1f} s after the last block"
        )
    assert (after - before) / WATCHERS < MOST_KILOBYTES_EACH


def test_a_thousand_watchers_are_each_told_once(
    live_chain: LiveChain, one_process: OneProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    in_own_thread(lambda: asyncio.run(watch(live_chain, one_process, capsys)))
