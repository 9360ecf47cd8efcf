"""The wallet in a real browser: a transaction of 100 inputs checked and signed, and the first load.

    python -m bench.wallet [--inputs 100] [--runs 3]

Needs Chromium and the built assets. The coins are of the demo's network; every previous transaction
is there in full, every tenth a batch of 100 payments. Times are those that the page waits.
"""

import argparse
import json
import logging
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from bench.browser_signer import BrowserSigner
from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.network import get_network
from indexer.database import Database
from wallet.builder import REPLACEABLE
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from wallet.seed import seed_of_words
from webapp.accounts.database import open_accounts
from webapp.app import create_app
from webapp.config import Settings

WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
PASSWORD = "a password for the bench"  # noqa: S105
NETWORK = get_network("bitcoin-regtest")
WALLET_PAGE = "/wallets/security"
COIN = 50_000
FEE = 40_000
LOCKTIME = 800_000
BATCH = 100  # payments of every tenth previous transaction
TARGET_SECONDS = 1.0
TARGET_BYTES = 200_000


def draft(purpose: Purpose, inputs: int) -> dict[str, Any]:
    """A PSBT of so many inputs and what was asked for: the request `check`."""
    rng = random.Random(purpose)
    master = KeyNode.master(seed_of_words(WORDS), NETWORK)
    account = Account(master, NETWORK, purpose)
    path = account.path.replace("'", "h")
    ours = Descriptor.of_account(purpose, account.node.xpub, master.fingerprint, path, NETWORK)
    coins = [_coin(ours, index, rng) for index in range(inputs)]
    stranger = ours.scripts(Branch.RECEIVE, 5000, 1)[0]
    amount = inputs * COIN // 2
    change = TxOutput(inputs * COIN - amount - FEE, ours.scripts(Branch.CHANGE, 0, 1)[0])
    outputs = [Paid(TxOutput(amount, stranger)), Paid(change, ours.derive(Branch.CHANGE, 0))]
    psbt = build_psbt(NETWORK, coins, outputs, rng, locktime=LOCKTIME)
    spending = {"purpose": purpose, "account": 0, "lastUsed": {"receive": inputs, "change": -1}}
    intent = {
        "recipients": [{"address": address_of(stranger, NETWORK), "amount": f"{amount}n"}],
        "accounts": [spending],
        "gapLimit": 20,
        "locktime": LOCKTIME,
        "sequence": REPLACEABLE,
    }
    return {"network": NETWORK.name, "psbt": psbt.base64, "intent": intent}


def _coin(ours: Descriptor, index: int, rng: random.Random) -> OwnCoin:
    output = ours.derive(Branch.RECEIVE, index)
    others = BATCH if index % 10 == 0 else 2
    outputs = [TxOutput(rng.randrange(10**8), b"\0\x14" + rng.randbytes(20)) for _ in range(others)]
    inputs = [TxInput(rng.randbytes(32), 0, rng.randbytes(107), 0) for _ in range(2)]
    previous = Transaction(2, inputs, [*outputs, TxOutput(COIN, output.script)], 0)
    return OwnCoin(previous, others, output)


@contextmanager
def served() -> Iterator[str]:
    """The origin of a site without blocks."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(network=NETWORK.name, data_directory=Path(directory))
        database = Database.open(f"sqlite:///{directory}/index.sqlite")
        database.upgrade()
        app = create_app(settings, database, open_accounts(settings))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        database.dispose()


def compressed(url: str) -> int:
    """Bytes of a response's body for a browser of today."""
    request = Request(url, headers={"Accept-Encoding": "gzip, deflate, br"})  # noqa: S310
    with urlopen(request) as response:  # noqa: S310
        return len(response.read())


def first_load(page: Page, origin: str, worker_url: str) -> tuple[BrowserSigner, dict[str, int]]:
    """Everything that the first page of a wallet and its worker load."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(origin + WALLET_PAGE)
    signer = BrowserSigner(page, worker_url)
    signer.ask("vaults")
    loaded = [url for url in dict.fromkeys(urls) if f"{origin}/live" not in url]  # never ends
    return signer, {url.removeprefix(origin): compressed(url) for url in loaded}


def measure(signer: BrowserSigner, purpose: Purpose, inputs: int, runs: int) -> tuple[float, float]:
    """Milliseconds to check and to sign, from a worker that has just been unlocked."""
    request = draft(purpose, inputs)
    checks, signs = [], []
    for _ in range(runs):
        signer.ask("unlock", vaultId=signer.ask("vaults")["vaults"][0]["id"], password=PASSWORD)
        checked = signer.ask("check", **request)
        checks.append(signer.milliseconds)
        signer.ask("sign", token=checked["token"])
        signs.append(signer.milliseconds)
    return median(checks), median(signs)


def verdict(good: bool) -> str:
    return "within" if good else "ABOVE"


def report(signer: BrowserSigner, sizes: dict[str, int], inputs: int, runs: int) -> None:
    total = sum(sizes.values())
    print("First load of the wallet, compressed:")
    for url, size in sizes.items():
        print(f"  {size:>9,} bytes  {url}")
    held = verdict(total <= TARGET_BYTES)
    print(f"  {total:>9,} bytes  in all, {held} the {TARGET_BYTES:,} aimed at")
    signer.ask("restore", words=WORDS, passphrase="")
    vault_id = signer.ask("save", password=PASSWORD, name="bench")["vaultId"]
    signer.ask("unlock", vaultId=vault_id, password=PASSWORD)
    print(f"\nUnlock (Argon2id, 64 MiB, three passes): {signer.milliseconds:,.0f} ms")
    print(f"\nA transaction of {inputs} inputs, after unlocking (median of {runs}):")
    for purpose in Purpose:
        check, sign = measure(signer, purpose, inputs, runs)
        held = verdict((check + sign) / 1000 <= TARGET_SECONDS)
        print(
            f"  BIP{purpose.value}: checked in {check:,.0f} ms, signed in {sign:,.0f} ms;"
            f" {check + sign:,.0f} ms in all, {held} the {TARGET_SECONDS:.0f} s aimed at"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    manifest = json.loads(Path("static/dist/manifest.json").read_text(encoding="utf-8"))
    worker_url = f"/static/{manifest['worker.js']['file']}"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with served() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}")
        signer, sizes = first_load(browser.new_page(), origin, worker_url)
        report(signer, sizes, arguments.inputs, arguments.runs)
        browser.close()


if __name__ == "__main__":
    main()
