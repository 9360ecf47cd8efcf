"""What the Esplora API should say, computed from a node's blocks and mempool and nothing else."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from indexer.chain.address import address_of
from indexer.chain.encoding import (
    Block,
    Transaction,
    TxInput,
    TxOutput,
    hash256,
    hash_hex,
    parse_block,
    parse_transaction,
)
from indexer.chain.opcodes import opcode_name
from indexer.chain.script import operations
from indexer.node.base import Node

Json = dict[str, Any]
Outpoint = tuple[bytes, int]


@dataclass(frozen=True)
class Known:
    """A transaction and where it is: the block's height, None in the mempool."""

    transaction: Transaction
    height: int | None
    position: int
    first_seen: int = 0


@dataclass
class Reference:
    """The whole chain in memory."""

    node: Node
    blocks: list[Block] = field(default_factory=list)
    known: dict[bytes, Known] = field(default_factory=dict)
    spenders: dict[Outpoint, tuple[bytes, int]] = field(default_factory=dict)
    touched: dict[bytes, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, node: Node) -> "Reference":
        found = cls(node)
        for height in range(node.tip().height + 1):
            block = parse_block(node.block(node.block_hash(height)), node.network)
            found.blocks.append(block)
            for position, each in enumerate(block.transactions):
                found._add(Known(each, height, position))
        for entry in node.mempool(frozenset()).added.values():
            transaction = parse_transaction(entry.raw, node.network)
            found._add(Known(transaction, None, 0, entry.time))
        return found

    def _add(self, known: Known) -> None:
        transaction = known.transaction
        self.known[transaction.txid] = known
        scripts = [output.script for output in transaction.outputs]
        for vin, each in enumerate(transaction.inputs):
            if not each.is_coinbase:
                self.spenders[each.prev_txid, each.prev_vout] = transaction.txid, vin
                scripts.append(self.prevout(each).script)
        for script in dict.fromkeys(scripts):
            self.touched[script].append(transaction.txid)

    def prevout(self, each: TxInput) -> TxOutput:
        return self.known[each.prev_txid].transaction.outputs[each.prev_vout]

    def fee(self, transaction: Transaction) -> int:
        if transaction.is_coinbase:
            return 0
        paid = sum(self.prevout(each).value for each in transaction.inputs)
        return paid - sum(each.value for each in transaction.outputs)

    # Objects

    def transaction(self, txid: bytes) -> Json:
        transaction = self.known[txid].transaction
        return {
            "txid": hash_hex(txid),
            "version": transaction.version,
            "locktime": transaction.locktime,
            "vin": [self._input(each) for each in transaction.inputs],
            "vout": [self._output(each) for each in transaction.outputs],
            "size": len(transaction.serialize()),
            "weight": 3 * len(transaction.serialize_stripped()) + len(transaction.serialize()),
            "fee": self.fee(transaction),
            "status": self.status(txid),
        }

    def _input(self, each: TxInput) -> Json:
        prevout = None if each.is_coinbase else self.prevout(each)
        shape: Json = {
            "txid": hash_hex(each.prev_txid),
            "vout": each.prev_vout,
            "prevout": prevout and self._output(prevout),
            "scriptsig": each.script_sig.hex(),
            "scriptsig_asm": asm(each.script_sig),
        }
        if each.witness:
            shape["witness"] = [item.hex() for item in each.witness]
        shape |= {"is_coinbase": each.is_coinbase, "sequence": each.sequence}
        if prevout is None:
            return shape
        inner = prevout.script
        if script_type(inner) == "p2sh":
            inner = list(operations(each.script_sig))[-1].data or b""
            shape["inner_redeemscript_asm"] = asm(inner)
        if script_type(inner) == "v0_p2wsh":
            shape["inner_witnessscript_asm"] = asm(each.witness[-1])
        return shape

    def _output(self, output: TxOutput) -> Json:
        address = address_of(output.script, self.node.network)
        return {
            "scriptpubkey": output.script.hex(),
            "scriptpubkey_asm": asm(output.script),
            "scriptpubkey_type": script_type(output.script),
            **({} if address is None else {"scriptpubkey_address": address}),
            "value": output.value,
        }

    def status(self, txid: bytes) -> Json:
        known = self.known.get(txid)
        if known is None or known.height is None:
            return {"confirmed": False}
        block = self.blocks[known.height]
        return {
            "confirmed": True,
            "block_height": known.height,
            "block_hash": hash_hex(block.hash),
            "block_time": block.header.time,
        }

    def outspend(self, outpoint: Outpoint) -> Json:
        found = self.spenders.get(outpoint)
        if found is None:
            return {"spent": False}
        txid, vin = found
        return {"spent": True, "txid": hash_hex(txid), "vin": vin, "status": self.status(txid)}

    def outspends(self, txid: bytes) -> list[Json]:
        count = len(self.known[txid].transaction.outputs)
        return [self.outspend((txid, vout)) for vout in range(count)]

    def block(self, height: int) -> Json:
        block = self.blocks[height]
        times = sorted(each.header.time for each in self.blocks[max(0, height - 10) : height + 1])
        raw = block.serialize()
        base = 80 + len(block.transactions).to_bytes(4, "little").rstrip(b"\0").__len__()
        stripped = sum(len(each.serialize_stripped()) for each in block.transactions)
        assert len(block.transactions) < 253, "the count takes a byte"
        header = block.header
        return {
            "id": hash_hex(block.hash),
            "height": height,
            "version": int.from_bytes(raw[:4], "little"),
            "timestamp": header.time,
            "tx_count": len(block.transactions),
            "size": len(raw),
            "weight": 3 * (base + stripped) + len(raw),
            "merkle_root": hash_hex(raw[36:68]),
            "previousblockhash": hash_hex(raw[4:36]) if height else None,
            "mediantime": times[len(times) // 2],
            "nonce": int.from_bytes(raw[76:80], "little"),
            "bits": int.from_bytes(raw[72:76], "little"),
            "difficulty": 0xFFFF * 2**208 / (0x7FFFFF * 2 ** (8 * (0x20 - 3))),
        }

    # Scripts

    def script_stats(self, script: bytes) -> tuple[Json, Json]:
        """Confirmed and unconfirmed."""
        found = []
        for confirmed in (True, False):
            txids = [
                txid
                for txid in self.touched.get(script, [])
                if (self.known[txid].height is not None) is confirmed
            ]
            funded, spent = [], []
            for txid in txids:
                transaction = self.known[txid].transaction
                funded += [each.value for each in transaction.outputs if each.script == script]
                spent += [
                    self.prevout(each).value
                    for each in transaction.inputs
                    if not each.is_coinbase and self.prevout(each).script == script
                ]
            found.append(
                {
                    "funded_txo_count": len(funded),
                    "funded_txo_sum": sum(funded),
                    "spent_txo_count": len(spent),
                    "spent_txo_sum": sum(spent),
                    "tx_count": len(txids),
                }
            )
        return found[0], found[1]

    def confirmed_history(self, script: bytes) -> list[bytes]:
        """Newest first."""
        return [
            txid
            for txid in reversed(self.touched.get(script, []))
            if self.known[txid].height is not None
        ]

    def pending_history(self, script: bytes) -> list[bytes]:
        """Newest first, equally old ones by txid."""
        txids = [txid for txid in self.touched.get(script, []) if self.known[txid].height is None]
        return sorted(txids, key=lambda txid: (-self.known[txid].first_seen, txid))

    def utxo(self, script: bytes) -> list[Json]:
        """Unconfirmed ones by outpoint, then confirmed ones, newest first."""
        found = []
        for txid in self.touched.get(script, []):
            known = self.known[txid]
            if known.height == 0:
                continue  # nobody can spend the genesis block's
            for vout, output in enumerate(known.transaction.outputs):
                if output.script == script and (txid, vout) not in self.spenders:
                    confirmed = known.height is not None
                    order = (1, -(known.height or 0), -known.position, -vout, b"")
                    if not confirmed:
                        order = (0, 0, 0, vout, txid)
                    found.append((order, txid, vout, output.value))
        found.sort(key=lambda each: (each[0][0], each[0][4], *each[0][1:4]))
        return [
            {"txid": hash_hex(txid), "vout": vout, "status": self.status(txid), "value": value}
            for _, txid, vout, value in found
        ]

    # Proofs, verified rather than computed

    def check_merkle_proof(self, txid: bytes, proof: Json) -> None:
        known = self.known[txid]
        assert known.height is not None
        assert (proof["block_height"], proof["pos"]) == (known.height, known.position)
        assert set(proof) == {"block_height", "merkle", "pos"}
        node, position = txid, known.position
        for sibling in proof["merkle"]:
            other = bytes.fromhex(sibling)[::-1]
            node = hash256(other + node if position & 1 else node + other)
            position >>= 1
        assert node == self.blocks[known.height].header.merkle_root

    def check_merkleblock(self, txid: bytes, proof: bytes) -> None:
        known = self.known[txid]
        assert known.height is not None
        block = self.blocks[known.height]
        assert proof[:80] == block.header.serialize80()
        count = int.from_bytes(proof[80:84], "little")
        assert count == len(block.transactions)
        root, matched = partial_root(proof[84:], count)
        assert root == block.header.merkle_root
        assert matched == [(known.position, txid)]


def scripthash(script: bytes) -> str:
    """As Esplora writes it: not reversed."""
    return sha256(script).hexdigest()


def partial_root(data: bytes, count: int) -> tuple[bytes, list[tuple[int, bytes]]]:
    """BIP37's partial Merkle tree: its root, and the leaves it proves."""
    size = data[0]
    hashes = [data[1 + 32 * i : 33 + 32 * i] for i in range(size)]
    rest = data[1 + 32 * size :]
    flags = [byte >> bit & 1 for byte in rest[1:] for bit in range(8)]
    assert len(rest) == 1 + rest[0]
    matched: list[tuple[int, bytes]] = []
    height = (count - 1).bit_length()

    def walk(level: int, position: int) -> bytes:
        flag = flags.pop(0)
        if level == 0 or not flag:
            node = hashes.pop(0)
            if flag:
                matched.append((position, node))
            return node
        left = walk(level - 1, 2 * position)
        width = (count + (1 << (level - 1)) - 1) >> (level - 1)
        right = walk(level - 1, 2 * position + 1) if 2 * position + 1 < width else left
        return hash256(left + right)

    root = walk(height, 0)
    assert not hashes
    assert not any(flags)
    return root, matched


_TEMPLATES = {
    "empty": "",
    "op_return": "6a.*",
    "v0_p2wpkh": "0014.{40}",
    "v0_p2wsh": "0020.{64}",
    "v1_p2tr": "5120.{64}",
    "p2pkh": "76a914.{40}88ac",
    "p2sh": "a914.{40}87",
    "p2pk": "21.{66}ac|41.{130}ac",
    "unknown": ".*",
}


def script_type(script: bytes) -> str:
    return next(name for name, form in _TEMPLATES.items() if re.fullmatch(form, script.hex()))


def asm(script: bytes) -> str:
    """Of scripts that are whole."""
    words = []
    for opcode, data in operations(script):
        if data:
            length = f"OP_PUSHBYTES_{opcode}" if opcode < 76 else f"OP_PUSHDATA{1 << opcode - 76}"
            words += [length, data.hex()]
        elif opcode == 0:
            words.append("OP_0")
        elif 0x51 <= opcode <= 0x60:
            words.append(f"OP_PUSHNUM_{opcode - 0x50}")
        else:
            named = {0x4F: "OP_PUSHNUM_NEG1", 0xB1: "OP_CLTV", 0xB2: "OP_CSV"}
            words.append(named.get(opcode) or opcode_name(opcode))
    return " ".join(words)
