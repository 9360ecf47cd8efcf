"""What Bitcoin Core 30 asks of a transaction before it looks at the mempool's other members.

Every refusal is a TransactionRejectedError with Core's own reason.
"""

from collections.abc import Sequence

from indexer.chain.encoding import Transaction
from indexer.chain.network import COIN, get_network
from indexer.chain.opcodes import OP_1, OP_16, OP_CHECKMULTISIG, OP_CHECKSIG
from indexer.chain.script import (
    CutPushError,
    ScriptType,
    classify,
    dust_limit,
    is_push_only,
    multisig_parts,
    operations,
    witness_program,
)
from indexer.node.base import SpentOutput, TransactionRejectedError

_REGTEST = get_network("bitcoin-regtest")
_MAX_MONEY = 21_000_000 * COIN
_MAX_STANDARD_WEIGHT = 400_000
_MIN_STRIPPED_SIZE = 65
_MAX_SCRIPT_SIG = 1650
_MAX_MULTISIG_KEYS = 3
_MAX_SIGOP_COST = 16_000
_MAX_P2SH_SIGOPS = 15
_MAX_WITNESS_SCRIPT, _MAX_WITNESS_ITEMS, _MAX_WITNESS_ITEM = 3600, 100, 80
_ANNEX_TAG, _TAPSCRIPT_LEAF = 0x50, 0xC0
_SIGOPS_OF_ANY_MULTISIG = 20


def check_consensus(transaction: Transaction) -> None:
    """The rules that need nothing but the transaction."""
    if not transaction.inputs:
        raise TransactionRejectedError("bad-txns-vin-empty")
    if not transaction.outputs:
        raise TransactionRejectedError("bad-txns-vout-empty")
    if len(transaction.serialize_stripped()) * 4 > _REGTEST.max_block_weight:
        raise TransactionRejectedError("bad-txns-oversize")
    total = 0
    for output in transaction.outputs:
        if output.value < 0:
            raise TransactionRejectedError("bad-txns-vout-negative")
        if output.value > _MAX_MONEY:
            raise TransactionRejectedError("bad-txns-vout-toolarge")
        total += output.value
    if total > _MAX_MONEY:
        raise TransactionRejectedError("bad-txns-txouttotal-toolarge")
    if len({(each.prev_txid, each.prev_vout) for each in transaction.inputs}) < len(
        transaction.inputs
    ):
        raise TransactionRejectedError("bad-txns-inputs-duplicate")
    if transaction.is_coinbase:
        raise TransactionRejectedError("coinbase")
    if any(each.is_coinbase for each in transaction.inputs):
        raise TransactionRejectedError("bad-txns-prevout-null")


def check_standard(transaction: Transaction) -> None:
    """Core's default limits on size, version, scripts and dust.

    Bare multisig is allowed, and data up to the size of a transaction.
    """
    if transaction.version not in (1, 2, 3):
        raise TransactionRejectedError("version")
    if transaction.weight > _MAX_STANDARD_WEIGHT:
        raise TransactionRejectedError("tx-size")
    for each in transaction.inputs:
        if len(each.script_sig) > _MAX_SCRIPT_SIG:
            raise TransactionRejectedError("scriptsig-size")
        if not is_push_only(each.script_sig):
            raise TransactionRejectedError("scriptsig-not-pushonly")
    for output in transaction.outputs:
        kind = classify(output.script, _REGTEST)
        if not _is_standard_output(output.script, kind):
            raise TransactionRejectedError("scriptpubkey")
        if output.value < dust_limit(output.script, _REGTEST):
            raise TransactionRejectedError("dust")
    if len(transaction.serialize_stripped()) < _MIN_STRIPPED_SIZE:
        raise TransactionRejectedError("tx-size-small")


def _is_standard_output(script: bytes, kind: ScriptType) -> bool:
    if kind is ScriptType.OP_RETURN:
        return is_push_only(script[1:])
    if kind is ScriptType.MULTISIG:
        parts = multisig_parts(script)
        return parts is not None and len(parts[1]) <= _MAX_MULTISIG_KEYS
    return kind not in (ScriptType.NONSTANDARD, ScriptType.EMPTY)


def check_inputs_standard(transaction: Transaction, spent: Sequence[SpentOutput]) -> None:
    """Core's default limits on what is spent and on witnesses."""
    for each, output in zip(transaction.inputs, spent, strict=True):
        script = output.script
        kind = classify(script, _REGTEST)
        if kind in (ScriptType.NONSTANDARD, ScriptType.WITNESS_UNKNOWN, ScriptType.EMPTY):
            raise TransactionRejectedError("bad-txns-nonstandard-inputs")
        if kind is ScriptType.P2SH:
            script = _redeem_script(each.script_sig)
            if _sigops(script, accurate=True) > _MAX_P2SH_SIGOPS:
                raise TransactionRejectedError("bad-txns-nonstandard-inputs")
        nested = kind is ScriptType.P2SH
        if each.witness and not _is_standard_witness(each.witness, script, nested=nested):
            raise TransactionRejectedError("bad-witness-nonstandard")


def check_sigop_cost(cost: int) -> None:
    if cost > _MAX_SIGOP_COST:
        raise TransactionRejectedError(f"bad-txns-too-many-sigops, {cost}")


def _is_standard_witness(witness: Sequence[bytes], script: bytes, *, nested: bool) -> bool:
    kind = classify(script, _REGTEST)
    if not witness_program(script) or kind is ScriptType.P2A:
        return False
    if kind is ScriptType.P2WSH:
        return (
            len(witness[-1]) <= _MAX_WITNESS_SCRIPT
            and len(witness) - 1 <= _MAX_WITNESS_ITEMS
            and all(len(item) <= _MAX_WITNESS_ITEM for item in witness[:-1])
        )
    if kind is ScriptType.P2TR and not nested and len(witness) > 1:
        control = witness[-1]
        if not control or control[0] == _ANNEX_TAG:
            return False
        if control[0] & 0xFE == _TAPSCRIPT_LEAF:
            return all(len(item) <= _MAX_WITNESS_ITEM for item in witness[:-2])
    return True


def sigop_cost(transaction: Transaction, spent: Sequence[SpentOutput]) -> int:
    """What a transaction counts against the 80,000 signature checks of a block."""
    cost = 4 * sum(_sigops(each.script_sig) for each in transaction.inputs)
    cost += 4 * sum(_sigops(output.script) for output in transaction.outputs)
    for each, output in zip(transaction.inputs, spent, strict=True):
        script = output.script
        if classify(script, _REGTEST) is ScriptType.P2SH:
            script = _redeem_script(each.script_sig)
            cost += 4 * _sigops(script, accurate=True)
        match classify(script, _REGTEST):
            case ScriptType.P2WPKH:
                cost += 1
            case ScriptType.P2WSH if each.witness:
                cost += _sigops(each.witness[-1], accurate=True)
    return cost


def _sigops(script: bytes, *, accurate: bool = False) -> int:
    """Signature checks; a multisig counts 20, or, if `accurate`, the keys it announces."""
    count, last = 0, 0
    try:
        for opcode, _ in operations(script):
            if opcode in (OP_CHECKSIG, OP_CHECKSIG + 1):
                count += 1
            elif opcode in (OP_CHECKMULTISIG, OP_CHECKMULTISIG + 1):
                announced = accurate and OP_1 <= last <= OP_16
                count += last - OP_1 + 1 if announced else _SIGOPS_OF_ANY_MULTISIG
            last = opcode
    except CutPushError:
        pass  # what comes before still counts
    return count


def _redeem_script(script_sig: bytes) -> bytes:
    """The last push of a scriptSig known to hold nothing but pushes."""
    redeem = b""
    for _, data in operations(script_sig):
        redeem = data or b""
    return redeem
