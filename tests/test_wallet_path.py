"""The whole way, at random: coins are scanned, selected, built into a PSBT, signed under the
strict policy, judged by Core's engine, raised, mined and scanned again, and the books are right."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

import pytest

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import Transaction, TxOutput, hash_hex, parse_transaction
from indexer.chain.script import dust_limit, p2pkh, p2sh, p2tr, p2wpkh, p2wsh
from indexer.node.mempool_graph import MIN_RELAY_FEE
from indexer.queries.transactions import is_pending
from tests.fixtures_clients import LiveChain
from tests.test_wallet_send import HTML, SCRIPT, txid_of
from tests.wallet_people import Person, settle
from wallet.fees import fee_of
from wallet.inspection import Limits, inspect
from wallet.keys import Branch, Purpose
from wallet.own_keys import OwnKeys
from wallet.psbt import parse_psbt
from wallet.signer import sign

COIN = 100_000_000
ROUNDS = 7
LIMITS = Limits(fee_rate=1_000_000, fee_percent=1_000)
KINDS: list[Callable[[bytes], bytes]] = [p2pkh, p2sh, p2wpkh]


@dataclass
class Books:
    """What somebody's wallet must hold, kept by hand."""

    chain: LiveChain
    person: Person
    rng: Random
    balance: int = 0
    sent: list[bytes] = field(default_factory=list)  # waiting
    keys: OwnKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = OwnKeys(self.person.master, self.person.network)

    def fund(self, count: int) -> None:
        for index in range(count):
            amount = int(self.rng.lognormvariate(14, 1.5)) + 20_000
            self.chain.pay(self.person.address(index=index), amount)
            self.balance += amount
        self.chain.mine()

    def stranger(self) -> str:
        rng = self.rng
        script = rng.choice(KINDS)(rng.randbytes(20))
        if rng.random() < 0.4:
            script = rng.choice((p2wsh, p2tr))(b"\7" * 32)  # on the curve
        address = address_of(script, self.person.network)
        assert address is not None
        return address

    def order(self) -> tuple[dict[str, Any], list[TxOutput]]:
        """A form as somebody types it, and the payments it asks for."""
        rows = [
            (self.stranger(), int(self.rng.lognormvariate(12, 1.2)) + 600)
            for _ in range(self.rng.choice((1, 1, 2, 3)))
        ]
        typed = {
            "to": [to for to, _ in rows],
            "amount": [str(amount) for _, amount in rows],
            "label": [""] * len(rows),
            "unit": "small",
            "fee": "rate",
            "rate": self.rng.choice(("1", "1.001", "2.345", "17", "60.5")),
        }
        network = self.person.network
        payments = [TxOutput(amount, script_of(to, network)) for to, amount in rows]
        return typed, payments

    def draft(self, typed: dict[str, Any]) -> str | None:
        """The path of the draft; None where there is not enough."""
        path = self.person.path("/drafts")
        answer = self.person.client.post(path, data=typed, headers=SCRIPT)
        if answer.status_code == 400:
            assert "There is not enough" in answer.text
            return None
        assert answer.status_code == 200, answer.text
        url: str = answer.json["url"]
        return url

    def send(self, url: str, payments: list[TxOutput] | None) -> bytes:
        """Signed only if it makes exactly these payments; with None, whatever it makes."""
        request = self.person.client.get(f"{url}/signing", headers=SCRIPT).json
        psbt = parse_psbt(request["psbt"], self.person.network)
        inspected = inspect(
            psbt,
            self.keys,
            LIMITS,
            payments=payments,
            locktime=request["locktime"],
            sequence=request["sequence"],
        )
        signed = sign(inspected, self.keys).base64
        answer = self.person.client.post(f"{url}/signed", json={"psbt": signed}, headers=SCRIPT)
        txid = txid_of(answer)
        self.chain.wait_for(lambda: self._is_indexed(txid), "it in the index")
        transaction, fee = self.waiting(txid)
        assert fee == inspected.fee
        assert 0 <= inspected.vsize - transaction.vsize <= len(transaction.inputs)
        for output in transaction.outputs:
            assert output.value >= dust_limit(output.script, self.person.network)
        self.sent.append(txid)
        return txid

    def raise_fee(self, txid: bytes, way: str, rate: str) -> bytes | None:
        """Through the form; None where there is not enough for it."""
        path = self.person.path(f"/tx/{hash_hex(txid)}/raise")
        answer = self.person.client.post(path, data={"way": way, "rate": rate}, headers=HTML)
        if answer.status_code == 400:
            assert "There is not enough" in answer.text
            return None
        assert answer.status_code == 303, answer.text
        old, old_fee = self.waiting(txid)
        kept = self._to_others(old) if way == "bump" else []
        new = self.send(answer.location, None)
        transaction, fee = self.waiting(new)
        assert self._to_others(transaction) == kept
        assert fee >= old_fee + fee_of(transaction.weight, MIN_RELAY_FEE)
        assert fee * old.vsize > old_fee * transaction.vsize
        return new

    def waiting(self, txid: bytes) -> tuple[Transaction, int]:
        """A transaction of the node's mempool and its fee."""
        entry = self.chain.node.mempool(frozenset()).added[txid]
        return parse_transaction(entry.raw, self.person.network), entry.fee

    def _is_indexed(self, txid: bytes) -> bool:
        with self.chain.site.database.read() as index:
            return is_pending(index, txid)

    @cached_property
    def _own_scripts(self) -> set[bytes]:
        scripts = self.person.descriptor.scripts
        return {script for branch in Branch for script in scripts(branch, 0, 80)}

    def _to_others(self, transaction: Transaction) -> list[TxOutput]:
        paid = (output for output in transaction.outputs if output.script not in self._own_scripts)
        return sorted(paid)

    def mine(self) -> None:
        """What waits is now spent; what was replaced never was."""
        mempool = self.chain.node.mempool(frozenset()).added
        for txid in set(self.sent) & set(mempool):
            transaction, fee = self.waiting(txid)
            self.balance -= fee + sum(output.value for output in self._to_others(transaction))
        self.sent.clear()
        self.chain.mine()

    def scanned_balance(self) -> int:
        """As the wallet's own history has it."""
        text = self.person.client.get(self.person.path("/history.csv")).text
        newest = next(csv.DictReader(io.StringIO(text)))
        return int(Decimal(newest["balance"]) * COIN)


@pytest.mark.parametrize("purpose", Purpose)
def test_whatever_is_typed_the_books_are_right(live_chain: LiveChain, purpose: Purpose) -> None:
    books = Books(live_chain, settle(live_chain.site, f"Ann {purpose}", purpose), Random(purpose))
    books.fund(9)
    assert books.scanned_balance() == books.balance
    made = raised = 0
    for number in range(ROUNDS):
        typed, payments = books.order()
        url = books.draft(typed)
        if url is None:
            continue
        txid = books.send(url, payments)
        made += 1
        way = books.rng.choice(("bump", "bump", "cancel", ""))
        if way and books.raise_fee(txid, way, books.rng.choice(("1", "9", "80"))):
            raised += 1
        if number % 3 == 2:
            books.mine()
            assert books.scanned_balance() == books.balance
    books.mine()
    stranger = books.stranger()
    typed = {"to": stranger, "amount": "", "label": "", "unit": "small", "fee": "rate"}
    url = books.draft(typed | {"rate": "3.3", "everything": "0"})
    assert url is not None
    books.send(url, None)
    books.mine()
    assert books.scanned_balance() == books.balance
    print(f"{purpose.name}: {made} payments, {raised} of them raised, then everything sent")
    assert made > 3
    assert raised
