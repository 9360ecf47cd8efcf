"""A transaction in words, in the shape of Core's getrawtransaction.

Left out is what only the node can say: `desc`, and the sighash names in the asm of signatures.
"""

from typing import Any

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxInput
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, asm, classify
from indexer.chain.wire import hash_hex
from indexer.queries.transactions import Summary

CORE_TYPES = {
    ScriptType.P2PK: "pubkey",
    ScriptType.P2PKH: "pubkeyhash",
    ScriptType.P2SH: "scripthash",
    ScriptType.MULTISIG: "multisig",
    ScriptType.P2WPKH: "witness_v0_keyhash",
    ScriptType.P2WSH: "witness_v0_scripthash",
    ScriptType.P2TR: "witness_v1_taproot",
    ScriptType.P2A: "anchor",
    ScriptType.OP_RETURN: "nulldata",
    ScriptType.MWEB_PEGIN: "witness_mweb_pegin",
    ScriptType.MWEB_HOGADDR: "witness_mweb_hogaddr",
    ScriptType.WITNESS_UNKNOWN: "witness_unknown",
    ScriptType.NONSTANDARD: "nonstandard",
    ScriptType.EMPTY: "nonstandard",
}


def verbose_transaction(
    transaction: Transaction, raw: bytes, summary: Summary, network: Network, tip_height: int
) -> dict[str, Any]:
    """Amounts in coins, as Core writes them."""
    words: dict[str, Any] = {
        "txid": hash_hex(transaction.txid),
        "hash": hash_hex(transaction.wtxid),
        "version": transaction.version,
        "size": transaction.size,
        "vsize": transaction.vsize,
        "weight": transaction.weight,
        "locktime": transaction.locktime,
        "vin": [_input(each) for each in transaction.inputs],
        "vout": [
            {
                "value": each.value / 10**network.decimals,
                "n": number,
                "scriptPubKey": _script(each.script, network),
            }
            for number, each in enumerate(transaction.outputs)
        ],
        "hex": raw.hex(),
    }
    if summary.block_hash is not None and summary.height is not None:
        words |= {
            "blockhash": hash_hex(summary.block_hash),
            "confirmations": tip_height - summary.height + 1,
            "time": summary.block_time,
            "blocktime": summary.block_time,
        }
    return words


def _input(each: TxInput) -> dict[str, Any]:
    if each.is_coinbase:
        words: dict[str, Any] = {"coinbase": each.script_sig.hex()}
    else:
        words = {
            "txid": hash_hex(each.prev_txid),
            "vout": each.prev_vout,
            "scriptSig": {"asm": asm(each.script_sig), "hex": each.script_sig.hex()},
        }
    if each.witness:
        words["txinwitness"] = [item.hex() for item in each.witness]
    return words | {"sequence": each.sequence}


def _script(script: bytes, network: Network) -> dict[str, Any]:
    words = {
        "asm": asm(script),
        "hex": script.hex(),
        "type": CORE_TYPES[classify(script, network)],
    }
    address = address_of(script, network)
    return words if address is None else words | {"address": address}
