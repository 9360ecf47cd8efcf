"""Every answer about the demo's whole chain, against what its blocks say without the index."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from indexer.chain.encoding import Transaction, parse_block
from indexer.chain.wire import hash256, hash_hex
from indexer.schema import raw_block
from tests.books import Account, Books
from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_electrum import RunningServer
from tests.fixtures_site import Site

UNKNOWN = "ab" * 32


@pytest.fixture(scope="module")
def books(demo_site: Site) -> Books:
    return Books(demo_site.node)


@pytest.fixture(scope="module")
def client(demo_electrum: RunningServer) -> Iterator[ElectrumClient]:
    with ElectrumClient(demo_electrum.port) as client:
        client.call("server.version", "tester", "1.6")
        yield client


@pytest.fixture(scope="module")
def old_client(demo_electrum: RunningServer) -> Iterator[ElectrumClient]:
    with ElectrumClient(demo_electrum.port) as client:
        client.call("server.version", "tester", "1.4")
        yield client


def scripthash(script: bytes) -> str:
    return sha256(script).digest()[::-1].hex()


def by_place(coin: dict[str, Any]) -> tuple[str, int]:
    return coin["tx_hash"], coin["tx_pos"]


def status_of(account: Account) -> str | None:
    text = "".join(f"{txid}:{height}:" for txid, height in account.history)
    text += "".join(f"{txid}:{height}:" for txid, height, _ in account.pending)
    return sha256(text.encode()).hexdigest() if text else None


def root_of(leaf: bytes, index: int, branch: list[str]) -> bytes:
    """By the protocol's words: pair upwards, deepest first."""
    for each in branch:
        other = bytes.fromhex(each)[::-1]
        leaf = hash256(other + leaf if index & 1 else leaf + other)
        index >>= 1
    return leaf


def test_every_script(client: ElectrumClient, books: Books) -> None:
    """The status of each hashes its history and mempool; of some the rest is asked for too."""
    assert any(account.pending for account in books.accounts.values())
    assert any(height < 0 for each in books.accounts.values() for _, height, _ in each.pending)
    for number, (script, account) in enumerate(books.accounts.items()):
        name = scripthash(script)
        assert client.call("blockchain.scripthash.subscribe", name) == status_of(account)
        if account.pending or len(account.history) > 2 or number % 5 == 0:
            compare_details(client, name, account)


def compare_details(client: ElectrumClient, name: str, account: Account) -> None:
    balance, history, mempool, coins = client.batch(
        ("blockchain.scripthash.get_balance", name),
        ("blockchain.scripthash.get_history", name),
        ("blockchain.scripthash.get_mempool", name),
        ("blockchain.scripthash.listunspent", name),
    )
    assert balance == {"confirmed": account.confirmed, "unconfirmed": account.unconfirmed}
    waiting = [
        {"tx_hash": txid, "height": height, "fee": fee} for txid, height, fee in account.pending
    ]
    confirmed = [{"tx_hash": txid, "height": height} for txid, height in account.history]
    assert history == confirmed + waiting
    assert mempool == waiting
    old = [
        {"tx_hash": hash_hex(txid), "tx_pos": vout, "value": value, "height": height}
        for (txid, vout), (value, height) in account.coins.items()
    ]
    new = [
        {"tx_hash": hash_hex(txid), "tx_pos": vout, "value": value, "height": 0}
        for (txid, vout), value in account.pending_coins.items()
    ]
    assert coins[: len(old)] == old
    assert sorted(coins[len(old) :], key=by_place) == sorted(new, key=by_place)


def test_a_script_that_nobody_used(client: ElectrumClient) -> None:
    assert client.call("blockchain.scripthash.subscribe", UNKNOWN) is None
    assert client.call("blockchain.scripthash.unsubscribe", UNKNOWN) is True
    assert client.call("blockchain.scripthash.unsubscribe", UNKNOWN) is False
    assert client.call("blockchain.scripthash.get_history", UNKNOWN) == []
    assert client.call("blockchain.scripthash.get_mempool", UNKNOWN) == []
    assert client.call("blockchain.scripthash.listunspent", UNKNOWN) == []
    assert client.call("blockchain.scripthash.get_balance", UNKNOWN) == {
        "confirmed": 0,
        "unconfirmed": 0,
    }


def test_the_genesis_coinbase_is_not_in_a_history(client: ElectrumClient, books: Books) -> None:
    script = books.blocks[0].transactions[0].outputs[0].script
    assert client.call("blockchain.scripthash.get_history", scripthash(script)) == []
    assert client.call("blockchain.scripthash.subscribe", scripthash(script)) is None


def test_the_status_of_the_protocols_own_example() -> None:
    """The worked example of the protocol's description, whose status is published there."""
    account = Account(
        history=[
            ("a6c9c361bd0bc536d6a22648efbf8f9b200e425ef6c3a7a9669dc444c532a347", 2472),
            ("9c42f84b2fcdaff676ba25d9d4941741cc0d1a01cce0c23fdc4c0b2afa38431c", 2473),
            ("770f2d4371b3fabb902dd9a103e2dd005fcd3971181078fca4a2a1d6ff127b30", 2473),
        ],
        pending=[
            ("80b19848aed792565ab7c5a79b7c2a00fbf985741579396ebe0ab6098e607311", 0, 200),
            ("e02a1dadfa83b996b24175df807b271ea5d02937ef5b35c195fac1e1bdc3198f", 0, 300),
            ("bb4c8ab438c13b89ca80d1d5bee25b0b6b7f55673f4d801998ba97db161d9e85", -1, 200),
        ],
    )
    assert status_of(account) == "78e96c6562cafa71c115503b9411fdfdc595a45031e2ab76ff75162fe1b0590d"


def test_every_header(client: ElectrumClient, old_client: ElectrumClient, books: Books) -> None:
    headers = [block.header.serialize80().hex() for block in books.blocks]
    heights = range(len(headers))
    assert client.batch(*(("blockchain.block.header", height) for height in heights)) == headers
    assert len(headers) < 2016
    answer = {"count": len(headers), "max": 2016}
    assert client.call("blockchain.block.headers", 0, 5000) == answer | {"headers": headers}
    assert old_client.call("blockchain.block.headers", 0, 5000) == answer | {
        "hex": "".join(headers)
    }
    assert client.call("blockchain.block.headers", 7, 0) == {"count": 0, "max": 2016, "headers": []}
    assert client.call("blockchain.block.headers", len(headers), 1)["count"] == 0
    tip = {"height": len(headers) - 1, "hex": headers[-1]}
    assert client.call("blockchain.headers.subscribe") == tip


def test_header_proofs(client: ElectrumClient, books: Books) -> None:
    hashes = [block.hash for block in books.blocks]
    tip = len(hashes) - 1
    for checkpoint in (1, 2, 3, 7, 100, tip - 1, tip):
        roots = set()
        for height in {0, 1, checkpoint // 2, checkpoint - 1, checkpoint}:
            answer = client.call("blockchain.block.header", height, checkpoint)
            assert answer["header"] == books.blocks[height].header.serialize80().hex()
            root = root_of(hashes[height], height, answer["branch"])
            assert hash_hex(root) == answer["root"]
            roots.add(answer["root"])
        assert roots == {hash_hex(plain_root(hashes[: checkpoint + 1]))}
    some = client.call("blockchain.block.headers", 3, 5, tip)
    assert hash_hex(root_of(hashes[7], 7, some["branch"])) == some["root"]
    for height, checkpoint in ((5, 4), (5, tip + 1)):
        with pytest.raises(ElectrumError, match="cp_height: expected a height from 5"):
            client.call("blockchain.block.header", height, checkpoint)


def plain_root(level: list[bytes]) -> bytes:
    while len(level) > 1:
        level = level + level[-1:] * (len(level) % 2)
        level = [hash256(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def test_every_transaction(client: ElectrumClient, books: Books) -> None:
    for height, block in enumerate(books.blocks):
        for position, transaction in enumerate(block.transactions):
            txid = hash_hex(transaction.txid)
            raw, proof = client.batch(
                ("blockchain.transaction.get", txid),
                ("blockchain.transaction.get_merkle", txid, height),
            )
            assert raw == transaction.serialize().hex()
            assert (proof["block_height"], proof["pos"]) == (height, position)
            assert root_of(transaction.txid, position, proof["merkle"]) == block.header.merkle_root
        found, proven = client.batch(  # of the last one
            ("blockchain.transaction.id_from_pos", height, position),
            ("blockchain.transaction.id_from_pos", height, position, True),
        )
        assert found == txid
        assert proven == {"tx_hash": txid, "merkle": proof["merkle"]}
    for txid_bytes, transaction in books.pool.items():
        raw = transaction.serialize().hex()
        assert client.call("blockchain.transaction.get", hash_hex(txid_bytes)) == raw
        with pytest.raises(ElectrumError, match="is not in the chain"):
            client.call("blockchain.transaction.get_merkle", hash_hex(txid_bytes), 1)


def test_stale_transactions_are_gone(client: ElectrumClient, books: Books, demo_site: Site) -> None:
    """The chain was reorganised: what only its stale blocks hold is not told of."""
    known = {each.txid for block in books.blocks for each in block.transactions}
    with demo_site.database.read() as connection:
        raws = connection.execute(raw_block.select()).all()
    kept = [parse_block(bytes(row.raw), demo_site.node.network) for row in raws]
    stale = {each.txid for block in kept for each in block.transactions} - known - books.pool.keys()
    assert stale
    for txid in stale:
        with pytest.raises(ElectrumError, match="no such mempool or blockchain transaction"):
            client.call("blockchain.transaction.get", hash_hex(txid))


def test_transactions_in_words(client: ElectrumClient, books: Books) -> None:
    tip = len(books.blocks) - 1
    for height, block in enumerate(books.blocks):
        for transaction in block.transactions[:2] + block.transactions[-1:]:
            told = client.call("blockchain.transaction.get", hash_hex(transaction.txid), True)
            assert told["hex"] == transaction.serialize().hex()
            assert told["txid"] == hash_hex(transaction.txid)
            assert told["hash"] == hash_hex(transaction.wtxid)
            assert told["blockhash"] == hash_hex(block.hash)
            assert told["confirmations"] == tip - height + 1
            assert told["time"] == told["blocktime"] == block.header.time
            assert (told["size"], told["vsize"], told["weight"]) == (
                transaction.size,
                transaction.vsize,
                transaction.weight,
            )
            compare_parts(told, transaction)
    for txid, transaction in list(books.pool.items())[:5]:
        told = client.call("blockchain.transaction.get", hash_hex(txid), True)
        assert "blockhash" not in told
        compare_parts(told, transaction)


def compare_parts(told: dict[str, Any], transaction: Transaction) -> None:
    for words, each in zip(told["vin"], transaction.inputs, strict=True):
        assert words["sequence"] == each.sequence
        assert words.get("txinwitness", []) == [item.hex() for item in each.witness]
        if transaction.is_coinbase:
            assert words["coinbase"] == each.script_sig.hex()
        else:
            assert (words["txid"], words["vout"]) == (hash_hex(each.prev_txid), each.prev_vout)
            assert words["scriptSig"]["hex"] == each.script_sig.hex()
    for number, (words, each) in enumerate(zip(told["vout"], transaction.outputs, strict=True)):
        assert words["n"] == number
        assert round(words["value"] * 10**8) == each.value
        assert words["scriptPubKey"]["hex"] == each.script.hex()


def test_the_mempool(client: ElectrumClient, books: Books, demo_site: Site) -> None:
    histogram = client.call("mempool.get_fee_histogram")
    assert sum(vsize for _, vsize in histogram) == sum(each.vsize for each in books.pool.values())
    rates = [rate for rate, _ in histogram]
    assert rates == sorted(rates, reverse=True)
    estimates = demo_site.node.fee_estimates()
    for blocks, rate in estimates.items():
        assert client.call("blockchain.estimatefee", blocks) == rate / 10**8
    assert client.call("blockchain.estimatefee", 1008) == estimates[max(estimates)] / 10**8
    assert client.call("blockchain.estimatefee", 2, "CONSERVATIVE") == estimates[2] / 10**8
    relay = demo_site.node.info().relay_fee / 10**8
    assert client.call("blockchain.relayfee") == relay
    assert client.call("mempool.get_info") == {
        "mempoolminfee": relay,
        "minrelaytxfee": relay,
        "incrementalrelayfee": relay,
    }
