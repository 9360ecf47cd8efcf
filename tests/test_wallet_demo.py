"""The wallets of the demo's dozen members, against every block of its chain and its mempool."""

import threading
from collections.abc import Sequence
from pathlib import Path

from indexer.chain.encoding import hash_hex
from indexer.database import Database
from indexer.queries.pulse import read_pulse
from indexer.sync.indexer import Indexer
from tests.books import Books
from tests.fixtures_site import Site
from tests.wallet_cast import descriptor_of
from webapp.accounts.database import ACCOUNTS
from webapp.accounts.users import add_user
from webapp.demo.cast import CAST
from webapp.wallets.history import Filter, Reader
from webapp.wallets.opening import Keeper, Opener
from webapp.wallets.snapshot import Snapshot
from webapp.wallets.store import NewAccount, NewWallet, create_wallet, wallets_of


def test_the_demos_wallets_equal_its_blocks(
    demo_site: Site, database: Database, tmp_path: Path
) -> None:
    """With stale blocks, replacements, coins of the mempool; on both databases."""
    node = demo_site.node
    indexer = Indexer(database, node, keep_raw_blocks=False, stop=threading.Event(), progress=False)
    while indexer.step():
        pass
    accounts = Database.open(f"sqlite:///{tmp_path / 'accounts.db'}", tables=ACCOUNTS)
    accounts.upgrade()
    with accounts.write() as writing:
        user = add_user(writing, "Somebody", None)
        for member in CAST:
            new = NewAccount(member.purpose, 0, descriptor_of(member, node.network))
            wallet = NewWallet(member.name, "watch", None, 0, (new,))
            create_wallet(writing, user.id, node.network, wallet)
    with accounts.read() as reading:
        wallets = wallets_of(reading, user.id, node.network)
    books = Books(node)
    with database.read() as index:
        pulse = read_pulse(index)
        assert pulse is not None
        keeper = Keeper()
        snapshots = [  # each as a request of its own, which may derive so many scripts
            Opener(index, pulse, node.network, accounts, keeper).open(each) for each in wallets
        ]
        for snapshot in snapshots:
            require_equal(books, snapshot, Reader(index, snapshot, Filter()))
    accounts.dispose()
    assert sum(len(each.ledger) > 25 for each in snapshots) > 6
    assert any(each.pending.movements for each in snapshots)
    assert any(each.balance.immature for each in snapshots)


def require_equal(books: Books, snapshot: Snapshot, reader: Reader) -> None:
    owned = snapshot.owned.wanted.scripts
    mine = [books.accounts[script] for script in owned if script in books.accounts]
    assert not snapshot.scanning
    assert snapshot.balance.total == sum(each.confirmed + each.unconfirmed for each in mine)
    assert snapshot.balance.pending == sum(each.unconfirmed for each in mine)
    told = [(hash_hex(each.txid), each.height) for each in reader.confirmed()]
    assert sorted(told) == sorted({entry for each in mine for entry in each.history})
    heights = [height or 0 for _, height in told]
    assert heights == sorted(heights, reverse=True)
    waiting = {hash_hex(each.txid) for each in reader.pending()}
    assert waiting == {txid for each in mine for txid, _, _ in each.pending}
    free = {coin.outpoint: coin.value for coin in snapshot.coins if coin.spent_by is None}
    expected = {outpoint: value for each in mine for outpoint, (value, _) in each.coins.items()} | {
        outpoint: value for each in mine for outpoint, value in each.pending_coins.items()
    }
    assert free == expected
    require_no_use_beyond(books, snapshot, owned)


def require_no_use_beyond(books: Books, snapshot: Snapshot, owned: Sequence[bytes]) -> None:
    """The last used address is the last one that a block or the mempool pays, and a gap follows."""
    for state in snapshot.accounts:
        used = [place for place, script in enumerate(owned) if script in books.accounts]
        run = snapshot.owned.runs[0]
        positions = [place - run.first for place in used if place < run.first + run.count]
        assert state.receive.scan.last_used == (max(positions) if positions else None)
        assert state.receive.next_script not in books.accounts
        assert state.change.next_script not in books.accounts
