"""An index of a scripted chain, and what a reader of all its blocks would say of each script."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection

from indexer.chain.encoding import Transaction
from indexer.chain.script import is_unspendable
from indexer.database import Database
from indexer.queries.pulse import Pulse, read_pulse
from indexer.raw import RawSource
from indexer.sync.indexer import Indexer
from tests.scripted_node import ScriptedNode, script_of, spend


@dataclass
class Account:
    """One script, told by reading every block from the first on."""

    received: int = 0
    sent: int = 0
    history: list[tuple[bytes, int, int]] = field(default_factory=list)  # txid, change, balance
    coins: dict[tuple[bytes, int], int] = field(default_factory=dict)
    outputs: int = 0
    inputs: int = 0


class ScriptedIndex:
    """A node that a test writes, and the index that follows it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = ScriptedNode()
        self.indexer = Indexer(
            database, self.node, keep_raw_blocks=True, stop=threading.Event(), progress=False
        )
        self.raw = RawSource(self.node.network)

    def sync(self) -> None:
        while self.indexer.step():
            pass

    def mine(self, *transactions: Transaction, miner: str = "miner") -> Transaction:
        """A block with these and the coinbase that is returned; indexed."""
        block = self.node.mine(*transactions, miner=miner)
        self.sync()
        return block.transactions[0]

    def accept(self, transaction: Transaction) -> Transaction:
        """Into the mempool; indexed."""
        self.node.accept(transaction)
        self.sync()
        return transaction

    def pulse(self, connection: Connection) -> Pulse:
        found = read_pulse(connection)
        assert found is not None
        return found

    def accounts(self) -> dict[bytes, Account]:
        """Every script of the best chain."""
        accounts: dict[bytes, Account] = defaultdict(Account)
        made: dict[tuple[bytes, int], tuple[bytes, int]] = {}
        for height, block in enumerate(self.node.chain):
            for transaction in block.transactions:
                changes: dict[bytes, int] = defaultdict(int)
                for each in () if transaction.is_coinbase else transaction.inputs:
                    script, value = made[each.prev_txid, each.prev_vout]
                    account = accounts[script]
                    account.sent += value
                    account.inputs += 1
                    del account.coins[each.prev_txid, each.prev_vout]
                    changes[script] -= value
                for vout, output in enumerate(transaction.outputs):
                    account = accounts[output.script]
                    account.received += output.value
                    account.outputs += 1
                    made[transaction.txid, vout] = (output.script, output.value)
                    if height and not is_unspendable(output.script):
                        account.coins[transaction.txid, vout] = output.value
                    changes[output.script] += output.value
                for script, change in changes.items():
                    account = accounts[script]
                    balance = sum(account.coins.values())
                    account.history.append((transaction.txid, change, balance))
        return accounts


@pytest.fixture
def scripted_index(database: Database) -> ScriptedIndex:
    """On SQLite and on PostgreSQL: six blocks of nobody's interest."""
    index = ScriptedIndex(database)
    for _ in range(6):
        index.node.mine()
    index.sync()
    return index


def busy_chain(index: ScriptedIndex, payments: int) -> bytes:
    """A script that is paid again and again, and swept now and then; returns it."""
    shop = script_of("shop")
    coins: list[tuple[Transaction, int]] = []
    purse = index.node.mine(miner="customer").transactions[0]
    vout = 0
    for number in range(payments):
        value = purse.outputs[vout].value
        price = 1_000 + 17 * number
        paid = spend([(purse, vout)], [(price, shop), (value - price - 200, script_of("customer"))])
        extra = []
        coins.append((paid, 0))
        if number % 7 == 6:
            total = sum(each.outputs[place].value for each, place in coins)
            extra.append(spend(coins, [(total - 500, shop if number % 2 else script_of("vault"))]))
            coins = [(extra[0], 0)] if number % 2 else []
        index.node.mine(paid, *extra)
        purse, vout = paid, 1
    index.sync()
    return shop
