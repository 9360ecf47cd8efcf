"""The real Electrum wallet, as Debian ships it, on a chain it sees through our server only."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexer.chain.wire import hash_hex
from tests.fixtures_clients import LiveChain
from tests.fixtures_electrum import electrum_command, free_port

ELECTRUM = shutil.which("electrum")
WORDS = "wild father tree among universe such mobile favorite target dynamic credit identify"
PAID = 70_000_000
SENT = 12_345_678
FEE = 4_000
COIN = 100_000_000

pytestmark = pytest.mark.skipif(
    ELECTRUM is None, reason="the Electrum wallet: apt install electrum"
)


class Wallet:
    """Its command line; a directory of its own holds all it knows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._environment = os.environ | {"HOME": str(directory), "PYTHONWARNINGS": "ignore"}

    def command(self, *words: str) -> list[str]:
        return [str(ELECTRUM), "--regtest", "--dir", str(self.directory), *words]

    def __call__(self, *words: str) -> Any:
        done = subprocess.run(
            self.command(*words),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout.strip()

    @contextmanager
    def daemon(self, port: int) -> Iterator[None]:
        """Connected to one server on this machine."""
        self("--offline", "setconfig", "rpcport", str(free_port()))
        words = ("daemon", "--oneserver", "--server", f"localhost:{port}:t")
        with subprocess.Popen(
            self.command(*words),
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield
                self("stop")
                assert process.wait(20) == 0
            finally:
                process.kill()

    def balance(self) -> dict[str, int]:
        """Confirmed and unconfirmed, in the smallest unit."""
        told = self("getbalance")
        return {name: round(float(amount) * COIN) for name, amount in told.items()}


def test_it_syncs_sends_and_sees_the_confirmation(live_chain: LiveChain, tmp_path: Path) -> None:
    wallet = Wallet(tmp_path / "electrum")
    wallet.directory.mkdir()
    wallet("--offline", "restore", WORDS)
    addresses = wallet("--offline", "listaddresses")
    first = live_chain.pay(addresses[0], PAID)
    live_chain.mine()
    with electrum_command(live_chain.site, tmp_path) as (_, port), wallet.daemon(port):
        live_chain.wait_for((tmp_path / "electrum/regtest/daemon").exists, "daemon")
        wallet("load_wallet")

        def connected() -> bool:
            told = wallet("getinfo")
            return bool(told["connected"]) and told["blockchain_height"] == live_chain.height()

        live_chain.wait_for(connected, "connection of the wallet")
        live_chain.wait_for(lambda: wallet.balance() == {"confirmed": PAID}, "confirmed balance")
        second = live_chain.pay(addresses[1], PAID)
        live_chain.wait_for(
            lambda: wallet.balance() == {"confirmed": PAID, "unconfirmed": PAID}, "waiting payment"
        )
        live_chain.mine(2)
        live_chain.wait_for(lambda: wallet.balance() == {"confirmed": 2 * PAID}, "second payment")

        recipient = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        amounts = [f"{SENT / COIN:.8f}", "--fee", f"{FEE / COIN:.8f}"]
        sent = wallet("broadcast", wallet("payto", recipient, *amounts))
        assert bytes.fromhex(sent)[::-1] in live_chain.node.mempool(frozenset()).added
        rest = 2 * PAID - SENT - FEE
        live_chain.wait_for(lambda: sum(wallet.balance().values()) == rest, "sent payment")
        height = live_chain.mine()

        def confirmed() -> bool:
            history = wallet("onchain_history")["transactions"]
            return {each["txid"]: each["height"] for each in history} == {
                hash_hex(first.txid): height - 3,
                hash_hex(second.txid): height - 2,
                sent: height,
            }

        live_chain.wait_for(confirmed, "confirmation of what the wallet sent")
        assert wallet.balance() == {"confirmed": rest}
        assert wallet("getinfo")["server"] == "localhost"
