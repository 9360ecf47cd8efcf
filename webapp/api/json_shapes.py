"""What the API's JSON objects hold, in the order in which Esplora writes it. Pure functions."""

from typing import Any, Final

from indexer.chain.address import address_of
from indexer.chain.encoding import TxInput, TxOutput, hash_hex
from indexer.chain.network import Network
from indexer.chain.script import CutPushError, ScriptType, classify, operations
from indexer.queries.blocks import BlockHead
from indexer.queries.coins import Coin, PendingCoin
from indexer.queries.full_transactions import FullTransaction, Place
from indexer.queries.mempool import PendingLine
from indexer.queries.scripts import PendingTotals, ScriptTotals
from indexer.queries.spends import Spender
from webapp.api.asm import esplora_asm

Json = dict[str, Any]

_TYPE_NAMES: Final = {
    ScriptType.EMPTY: "empty",
    ScriptType.OP_RETURN: "op_return",
    ScriptType.P2PK: "p2pk",
    ScriptType.P2PKH: "p2pkh",
    ScriptType.P2SH: "p2sh",
    ScriptType.P2WPKH: "v0_p2wpkh",
    ScriptType.P2WSH: "v0_p2wsh",
    ScriptType.P2TR: "v1_p2tr",
}
# First opcodes that end a script as failed, or may not stand in one: besides OP_RETURN itself
# OP_RESERVED, OP_VER, OP_VERIF, OP_VERNOTIF, OP_RESERVED1 and 2, the disabled ones, and all
# from OP_CHECKSIGADD on, which only tapscripts know.
_ENDS_ANY_SCRIPT: Final = frozenset(
    {0x50, 0x62, 0x65, 0x66, *range(0x7E, 0x82), *range(0x83, 0x87), 0x89, 0x8A, 0x8D, 0x8E}
    | {*range(0x95, 0x9A), *range(0xBA, 0x100)}
)


def transaction_json(full: FullTransaction, network: Network) -> Json:
    """A transaction. A fee that cannot be known, of a stale transaction, is 0."""
    transaction = full.transaction
    return {
        "txid": hash_hex(transaction.txid),
        "version": transaction.version,
        "locktime": transaction.locktime,
        "vin": [
            input_json(each, prevout, network)
            for each, prevout in zip(transaction.inputs, full.prevouts, strict=True)
        ],
        "vout": [output_json(each, network) for each in transaction.outputs],
        "size": full.size,
        "weight": full.weight,
        "fee": full.fee or 0,
        "status": status_json(full.place),
    }


def input_json(each: TxInput, prevout: TxOutput | None, network: Network) -> Json:
    shape: Json = {
        "txid": hash_hex(each.prev_txid),
        "vout": each.prev_vout,
        "prevout": None if prevout is None else output_json(prevout, network),
        "scriptsig": each.script_sig.hex(),
        "scriptsig_asm": esplora_asm(each.script_sig),
    }
    if each.witness:
        shape["witness"] = [item.hex() for item in each.witness]
    shape["is_coinbase"] = each.is_coinbase
    shape["sequence"] = each.sequence
    return shape | _inner_scripts(each, prevout)


def output_json(output: TxOutput, network: Network) -> Json:
    shape: Json = {
        "scriptpubkey": output.script.hex(),
        "scriptpubkey_asm": esplora_asm(output.script),
        "scriptpubkey_type": script_type(output.script),
    }
    address = address_of(output.script, network)
    if address is not None:
        shape["scriptpubkey_address"] = address
    shape["value"] = output.value
    return shape


def script_type(script: bytes) -> str:
    """Esplora's name of a scriptPubKey's template."""
    name = _TYPE_NAMES.get(classify(script))
    if name is not None:
        return name
    return "provably_unspendable" if script[0] in _ENDS_ANY_SCRIPT else "unknown"


def status_json(place: Place | None) -> Json:
    """Whether a transaction is confirmed, and where."""
    if place is None:
        return {"confirmed": False}
    return {
        "confirmed": True,
        "block_height": place.height,
        "block_hash": hash_hex(place.hash),
        "block_time": place.time,
    }


def spend_json(spender: Spender | None, place: Place | None) -> Json:
    """Whether an output is spent; `place` is where the spender was confirmed."""
    if spender is None:
        return {"spent": False}
    return {
        "spent": True,
        "txid": hash_hex(spender.txid),
        "vin": spender.vin,
        "status": status_json(place),
    }


def block_json(head: BlockHead) -> Json:
    header = head.header
    first = not any(header.prev_hash)
    return {
        "id": hash_hex(head.hash),
        "height": head.height,
        "version": header.version & 0xFFFFFFFF,
        "timestamp": header.time,
        "tx_count": head.tx_count,
        "size": head.size,
        "weight": head.weight,
        "merkle_root": hash_hex(header.merkle_root),
        "previousblockhash": None if first else hash_hex(header.prev_hash),
        "mediantime": head.median_time,
        "nonce": header.nonce,
        "bits": header.bits,
        "difficulty": header.difficulty,
    }


def totals_json(totals: ScriptTotals | PendingTotals) -> Json:
    return {
        "funded_txo_count": totals.output_count,
        "funded_txo_sum": totals.received,
        "spent_txo_count": totals.input_count,
        "spent_txo_sum": totals.sent,
        "tx_count": totals.tx_count,
    }


def coin_json(coin: Coin | PendingCoin) -> Json:
    place = None
    if isinstance(coin, Coin):
        place = Place(coin.height, coin.block_hash, coin.time)
    return {
        "txid": hash_hex(coin.txid),
        "vout": coin.vout,
        "status": status_json(place),
        "value": coin.value,
    }


def recent_json(line: PendingLine) -> Json:
    """`value` is what the inputs hold."""
    return {
        "txid": hash_hex(line.txid),
        "fee": line.fee,
        "vsize": line.vsize,
        "value": line.output_value + line.fee,
    }


def _inner_scripts(each: TxInput, prevout: TxOutput | None) -> Json:
    """The scripts behind a script hash, as far as the input shows them."""
    if prevout is None:
        return {}
    shape = {}
    kind = classify(prevout.script)
    redeem = _last_push(each.script_sig) if kind is ScriptType.P2SH else None
    if redeem is not None:
        shape["inner_redeemscript_asm"] = esplora_asm(redeem)
        kind = classify(redeem)
    if kind is ScriptType.P2WSH and each.witness:
        shape["inner_witnessscript_asm"] = esplora_asm(each.witness[-1])
    return shape


def _last_push(script_sig: bytes) -> bytes | None:
    """What the last operation pushes; None where it pushes no bytes."""
    pushed = None
    try:
        for _, data in operations(script_sig):
            pushed = data
    except CutPushError:
        return None
    return pushed
