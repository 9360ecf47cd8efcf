"""Each block and transaction of a real node's MWEB chain is what the node says it is."""

from typing import Any

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import Block, Transaction, hash_hex, parse_block, parse_transaction
from indexer.chain.merkle import expected_witness_commitment, merkle_root, witness_commitment
from indexer.chain.network import get_network
from indexer.chain.script import ScriptType, asm, classify
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon

LITECOIN = get_network("litecoin-regtest")
TYPES = {
    "pubkey": "p2pk",
    "pubkeyhash": "p2pkh",
    "scripthash": "p2sh",
    "witness_v0_keyhash": "p2wpkh",
    "witness_v0_scripthash": "p2wsh",
    "witness_v1_taproot": "p2tr",
    "nulldata": "op_return",
    "witness_mweb_pegin": "mweb_pegin",
    "witness_mweb_hogaddr": "mweb_hogaddr",
}


def test_every_block_is_what_the_node_says(litecoind: Daemon) -> None:
    pegins = []
    for height in range(litecoind.height + 1):
        block_hash = litecoind.rpc("getblockhash", height)
        raw = bytes.fromhex(litecoind.rpc("getblock", block_hash, 0))
        said = litecoind.rpc("getblock", block_hash, 2)
        block = parse_block(raw, LITECOIN)
        assert block.serialize() == raw
        compare_block(block, said)
        for transaction, of_node in zip(block.transactions, said["tx"], strict=True):
            compare_transaction(transaction, of_node)
        if height >= MWEB_HEIGHT:
            assert block.transactions[-1].is_hogex
            types = [classify(out.script) for tx in block.transactions for out in tx.outputs]
            pegins.append(types.count(ScriptType.MWEB_PEGIN))
        else:
            assert not block.extension
    assert max(pegins) >= 3


def compare_block(block: Block, said: dict[str, Any]) -> None:
    assert hash_hex(block.hash) == said["hash"]
    assert (block.size, block.weight) == (said["size"], said["weight"])
    assert f"{block.header.bits:08x}" == said["bits"]
    assert merkle_root([tx.txid for tx in block.transactions]) == block.header.merkle_root
    assert witness_commitment(block) in (None, expected_witness_commitment(block))


def compare_transaction(transaction: Transaction, said: dict[str, Any]) -> None:
    assert hash_hex(transaction.txid) == said["txid"]
    assert hash_hex(transaction.wtxid) == said["hash"]
    sizes = (transaction.size, transaction.vsize, transaction.weight)
    assert sizes == (said["size"], said["vsize"], said["weight"])
    for output, of_node in zip(transaction.outputs, said["vout"], strict=True):
        script = of_node["scriptPubKey"]
        assert asm(output.script) == script["asm"]
        assert classify(output.script, LITECOIN) == TYPES[script["type"]]
        addresses = script.get("addresses", [])
        if script["type"] != "pubkey":  # this node shows a P2PKH address there
            assert address_of(output.script, LITECOIN) == next(iter(addresses), None)
            assert all(script_of(each, LITECOIN) == output.script for each in addresses)


def test_mempool_with_mweb(litecoind: Daemon) -> None:
    litecoind.peg_in(2)
    inside = 0
    for txid, said in litecoind.rpc("getrawmempool", True).items():
        raw = bytes.fromhex(litecoind.rpc("getrawtransaction", txid))
        transaction = parse_transaction(raw, LITECOIN)
        assert transaction.serialize() == raw
        assert transaction.weight == said["weight"]
        assert hash_hex(transaction.txid) == txid
        inside += transaction.flag == 9
    assert inside >= 2
    litecoind.mine()
    assert litecoind.rpc("getrawmempool") == []
