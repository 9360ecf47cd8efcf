"""How long a wallet takes to open: with 50 used addresses and with thousands, on one chain.

    python -m bench.wallet_pages [--used 5000] [--postgres URL]

"first" is in a process that has never seen the wallet, "next block" after a block, "again" when
nothing has moved. Medians of processor time, without that of PostgreSQL's own processes; statements
are those sent to both databases.
"""

import argparse
import gc
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, event

from indexer.chain.encoding import Transaction
from indexer.database import Database
from indexer.queries.pulse import read_pulse
from indexer.sync.indexer import Indexer
from tests.scripted_node import ScriptedNode, script_of, spend
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from webapp.accounts.database import ACCOUNTS
from webapp.accounts.users import add_user
from webapp.wallets.history import Filter, Reader
from webapp.wallets.opening import Keeper, Opener
from webapp.wallets.snapshot import Snapshot
from webapp.wallets.store import NewAccount, NewWallet, create_wallet, wallets_of

FEW = 50
RUNS = 7
OUTPUTS_PER_TRANSACTION = 250
STRANGERS = 200  # transactions of others, of as many outputs
PRICE = 10_000


@dataclass
class Stage:
    """A chain, its index, and the wallets on it."""

    node: ScriptedNode
    index: Database
    accounts: Database
    indexer: Indexer

    def sync(self) -> None:
        while self.indexer.step():
            pass

    def open(self, number: int, keeper: Keeper) -> Snapshot:
        """What the history page does before it is drawn."""
        with self.accounts.read() as reading:
            wallet = wallets_of(reading, 1, self.node.network)[number]
        with self.index.read() as connection:
            pulse = read_pulse(connection)
            assert pulse is not None
            scanning = True
            while scanning:  # each time as a request of its own
                opener = Opener(connection, pulse, self.node.network, self.accounts, keeper)
                snapshot = opener.open(wallet)
                scanning = snapshot.scanning
            Reader(connection, snapshot, Filter()).page(None)
        return snapshot


def descriptor(name: str, node: ScriptedNode) -> Descriptor:
    master = KeyNode.master(sha256(name.encode()).digest(), node.network)
    account = Account(master, node.network, Purpose.P2WPKH)
    path = account.path.replace("'", "h")
    return Descriptor.of_account(
        Purpose.P2WPKH, account.node.xpub, master.fingerprint, path, node.network
    )


def write_chain(node: ScriptedNode, wallets: list[tuple[Descriptor, int]]) -> None:
    """Each wallet is paid at so many addresses, and spends every third coin."""
    scripts = [
        script for account, used in wallets for script in account.scripts(Branch.RECEIVE, 0, used)
    ]
    scripts += [
        b"\0\x14" + sha256(b"%d" % number).digest()[:20]
        for number in range(STRANGERS * OUTPUTS_PER_TRANSACTION)
    ]
    ours = set(scripts[: -STRANGERS * OUTPUTS_PER_TRANSACTION])
    for first in range(0, len(scripts), OUTPUTS_PER_TRANSACTION):
        purse = node.mine(miner="payer").transactions[0]
        part = scripts[first : first + OUTPUTS_PER_TRANSACTION]
        paid = spend([(purse, 0)], [(PRICE, script) for script in part])
        node.mine(paid, *_spends(paid, ours))


def _spends(paid: Transaction, ours: set[bytes]) -> Iterator[Transaction]:
    for vout, out in enumerate(paid.outputs):
        if vout % 3 == 0 and out.script in ours:
            yield spend([(paid, vout)], [(PRICE - 500, script_of("shop"))])


@contextmanager
def counted() -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_c: object, _u: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def timed(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """The median in milliseconds of processor time."""
    spans = []
    for _ in range(RUNS):
        before()
        start = time.process_time()
        work()
        spans.append(time.process_time() - start)
    return 1000 * median(spans)


def open_anew(stage: Stage, number: int) -> None:
    stage.open(number, Keeper())


def run(stage: Stage, used: tuple[int, ...]) -> None:
    print(f"{'used addresses':>14} {'first':>9} {'next block':>11} {'again':>9} {'statements':>11}")
    for number, count in enumerate(used):
        stage.open(number, Keeper())
        first = timed(partial(open_anew, stage, number))
        keeper = Keeper()
        stage.open(number, keeper)

        def block() -> None:
            stage.node.mine()
            stage.sync()

        after = timed(partial(stage.open, number, keeper), block)
        again = timed(partial(stage.open, number, keeper))
        with counted() as statements:
            snapshot = stage.open(number, Keeper())
        assert snapshot.accounts[0].receive.scan.last_used == count - 1
        figures = f"{first:>6.1f} ms {after:>8.1f} ms {again:>6.1f} ms {len(statements):>11}"
        print(f"{count:>14} {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--used", type=int, default=5000)
    parser.add_argument("--postgres", help="postgresql://... of a scratch database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = options.postgres or f"sqlite:///{Path(directory) / 'index.sqlite'}"
        index = Database.open(url, schema="bench_wallet_pages" if options.postgres else None)
        index.upgrade()
        accounts = Database.open(f"sqlite:///{Path(directory) / 'people.sqlite'}", tables=ACCOUNTS)
        accounts.upgrade()
        node = ScriptedNode()
        used = (FEW, options.used)
        wallets = [(descriptor(f"{count}", node), count) for count in used]
        write_chain(node, wallets)
        stop = threading.Event()
        indexer = Indexer(index, node, keep_raw_blocks=False, stop=stop, progress=False)
        stage = Stage(node, index, accounts, indexer)
        stage.sync()
        with accounts.write() as writing:
            user = add_user(writing, "bench", None)
            for account, count in wallets:
                new = NewAccount(Purpose.P2WPKH, 0, account)
                wallet = NewWallet(f"{count}", "watch", None, 0, (new,))
                create_wallet(writing, user.id, node.network, wallet)
        kind = "PostgreSQL" if options.postgres else "SQLite"
        print(f"Opening a wallet, {kind}, Python {platform.python_version()}, median of {RUNS}")
        gc.freeze()  # as a worker of the server; the chain is no part of one
        run(stage, used)
        accounts.dispose()
        if options.postgres:
            with index.write() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {index.schema} CASCADE")
        index.dispose()


if __name__ == "__main__":
    main()
