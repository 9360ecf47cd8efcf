"""What an input reveals when it spends: the scripts behind a hash, keys, signatures, paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from indexer.chain.opcodes import OP_1, OP_1NEGATE, OP_16, OP_CHECKSIG, OP_CHECKSIGADD, OP_NUMEQUAL
from indexer.chain.script import (
    Operation,
    ScriptType,
    classify,
    decode_number,
    encode_number,
    is_public_key,
    is_push_only,
    multisig_parts,
    operations,
    public_key_of,
    witness_program,
)
from indexer.chain.wire import EncodingError

_ANNEX_TAG: Final = 0x50
_SIGHASH_NAMES: Final = {0: "DEFAULT", 1: "ALL", 2: "NONE", 3: "SINGLE"}
_SIGHASH_ANYONECANPAY: Final = 0x80


class SpendKind(StrEnum):
    """How an output is unlocked."""

    P2PK = "p2pk"
    P2PKH = "p2pkh"
    MULTISIG = "multisig"
    P2SH = "p2sh"
    P2SH_P2WPKH = "p2sh-p2wpkh"
    P2SH_P2WSH = "p2sh-p2wsh"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR_KEY = "p2tr-key"
    P2TR_SCRIPT = "p2tr-script"
    P2A = "p2a"
    MWEB = "mweb"
    WITNESS_UNKNOWN = "witness-unknown"
    NONSTANDARD = "nonstandard"


_OTHER_PROGRAMS: Final = {
    ScriptType.P2A: SpendKind.P2A,
    ScriptType.MWEB_PEGIN: SpendKind.MWEB,
    ScriptType.MWEB_HOGADDR: SpendKind.MWEB,
    ScriptType.WITNESS_UNKNOWN: SpendKind.WITNESS_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it stands in the input, ECDSA with its sighash byte behind."""

    data: bytes
    sighash: int
    is_schnorr: bool

    @property
    def sighash_name(self) -> str:
        """As Core writes it: "ALL", "SINGLE|ANYONECANPAY"; a number for what has no name."""
        name = _SIGHASH_NAMES.get(self.sighash & ~_SIGHASH_ANYONECANPAY)
        if name is None or self.sighash == _SIGHASH_ANYONECANPAY:
            return f"0x{self.sighash:02x}"
        return f"{name}|ANYONECANPAY" if self.sighash & _SIGHASH_ANYONECANPAY else name


@dataclass(frozen=True, slots=True)
class Multisig:
    """required of len(keys)."""

    required: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ControlBlock:
    """The proof that a script is a leaf of a taproot output (BIP341)."""

    leaf_version: int
    parity: int  # of the output key's y coordinate
    internal_key: bytes
    merkle_path: tuple[bytes, ...]  # from the leaf up


@dataclass(frozen=True, slots=True)
class Spend:
    """What is revealed; None and empty where this kind of spend has no such part."""

    kind: SpendKind
    redeem_script: bytes | None = None
    witness_script: bytes | None = None
    tapscript: bytes | None = None
    control_block: ControlBlock | None = None
    annex: bytes | None = None
    multisig: Multisig | None = None
    public_keys: tuple[bytes, ...] = ()
    signatures: tuple[Signature, ...] = ()
    arguments: tuple[bytes, ...] = ()  # the stack that the innermost script starts with

    @property
    def script(self) -> bytes | None:
        """The innermost script that was hidden behind a hash."""
        return self.tapscript or self.witness_script or self.redeem_script


def explain_input(prevout_script: bytes, script_sig: bytes, witness: Sequence[bytes]) -> Spend:
    """Never fails: what cannot be told apart stays in `arguments`."""
    script_type = classify(prevout_script)
    if witness_program(prevout_script):
        return _spend_program(script_type, prevout_script, tuple(witness))
    stack = _pushes(script_sig)
    if script_type is ScriptType.P2SH:
        return _spend_p2sh(script_sig, stack, tuple(witness))
    if script_type is ScriptType.P2PKH:
        return _spend_key_hash(SpendKind.P2PKH, stack)
    return _spend_bare(prevout_script, stack)


def _spend_program(
    script_type: ScriptType, prevout_script: bytes, witness: tuple[bytes, ...]
) -> Spend:
    if script_type is ScriptType.P2WPKH:
        return _spend_key_hash(SpendKind.P2WPKH, witness)
    if script_type is ScriptType.P2WSH:
        return _spend_p2wsh(SpendKind.P2WSH, witness)
    if script_type is ScriptType.P2TR:
        return _spend_p2tr(prevout_script[2:], witness)
    return Spend(_OTHER_PROGRAMS.get(script_type, SpendKind.NONSTANDARD), arguments=witness)


def _spend_bare(prevout_script: bytes, stack: tuple[bytes, ...]) -> Spend:
    key = public_key_of(prevout_script)
    multisig = _multisig(prevout_script)
    kind = SpendKind.NONSTANDARD
    if key:
        kind = SpendKind.P2PK
    elif multisig:
        kind = SpendKind.MULTISIG
    return Spend(
        kind,
        multisig=multisig,
        public_keys=(key,) if key else multisig.keys if multisig else (),
        signatures=_ecdsa_signatures(stack),
        arguments=stack,
    )


def _spend_key_hash(
    kind: SpendKind, stack: tuple[bytes, ...], redeem_script: bytes | None = None
) -> Spend:
    return Spend(
        kind,
        redeem_script=redeem_script,
        public_keys=tuple(filter(is_public_key, stack[-1:])),
        signatures=_ecdsa_signatures(stack[:-1]),
        arguments=stack,
    )


def _spend_p2sh(script_sig: bytes, stack: tuple[bytes, ...], witness: tuple[bytes, ...]) -> Spend:
    if not stack or not is_push_only(script_sig):  # before BIP16 a bare preimage was enough
        return Spend(SpendKind.P2SH, arguments=stack)
    redeem_script = stack[-1]
    match classify(redeem_script):
        case ScriptType.P2WPKH:
            return _spend_key_hash(SpendKind.P2SH_P2WPKH, witness, redeem_script)
        case ScriptType.P2WSH:
            return _spend_p2wsh(SpendKind.P2SH_P2WSH, witness, redeem_script)
    arguments = stack[:-1]
    multisig = _multisig(redeem_script)
    return Spend(
        SpendKind.P2SH,
        redeem_script=redeem_script,
        multisig=multisig,
        public_keys=_keys_of(redeem_script, multisig, arguments),
        signatures=_ecdsa_signatures(arguments),
        arguments=arguments,
    )


def _spend_p2wsh(
    kind: SpendKind, witness: tuple[bytes, ...], redeem_script: bytes | None = None
) -> Spend:
    if not witness:
        return Spend(kind, redeem_script=redeem_script)
    *stack, witness_script = witness
    arguments = tuple(stack)
    multisig = _multisig(witness_script)
    return Spend(
        kind,
        redeem_script=redeem_script,
        witness_script=witness_script,
        multisig=multisig,
        public_keys=_keys_of(witness_script, multisig, arguments),
        signatures=_ecdsa_signatures(arguments),
        arguments=arguments,
    )


def _spend_p2tr(output_key: bytes, witness: tuple[bytes, ...]) -> Spend:
    annex = None
    if len(witness) > 1 and witness[-1][:1] == bytes((_ANNEX_TAG,)):
        *rest, annex = witness
        witness = tuple(rest)
    if len(witness) < 2:
        return Spend(
            SpendKind.P2TR_KEY,
            annex=annex,
            public_keys=(output_key,),
            signatures=_schnorr_signatures(witness),
            arguments=witness,
        )
    *stack, tapscript, control = witness
    arguments = tuple(stack)
    multisig = _tapscript_multisig(tapscript)
    return Spend(
        SpendKind.P2TR_SCRIPT,
        tapscript=tapscript,
        control_block=_control_block(control),
        annex=annex,
        multisig=multisig,
        public_keys=multisig.keys if multisig else (),
        signatures=_schnorr_signatures(arguments),
        arguments=arguments,
    )


def _control_block(data: bytes) -> ControlBlock | None:
    if len(data) < 33 or len(data) > 33 + 32 * 128 or (len(data) - 33) % 32:
        return None
    path = tuple(data[start : start + 32] for start in range(33, len(data), 32))
    return ControlBlock(data[0] & 0xFE, data[0] & 1, data[1:33], path)


def _pushes(script_sig: bytes) -> tuple[bytes, ...]:
    """What a scriptSig leaves on the stack, if it does no more than push."""
    items = []
    try:
        for operation in operations(script_sig):
            item = _pushed(operation)
            if item is not None:
                items.append(item)
    except EncodingError:
        return tuple(items)
    return tuple(items)


def _pushed(operation: Operation) -> bytes | None:
    opcode, data = operation
    if opcode == OP_1NEGATE or OP_1 <= opcode <= OP_16:
        return encode_number(opcode - OP_1 + 1)
    return data


def _multisig(script: bytes) -> Multisig | None:
    parts = multisig_parts(script)
    return Multisig(parts[0], tuple(parts[1])) if parts else None


def _tapscript_multisig(script: bytes) -> Multisig | None:
    """<key> CHECKSIG (<key> CHECKSIGADD)... <m> NUMEQUAL."""
    try:
        steps = list(operations(script))
    except EncodingError:
        return None
    if len(steps) < 4 or len(steps) % 2 or steps[-1].opcode != OP_NUMEQUAL:
        return None
    pushed, checks = steps[:-2:2], [step.opcode for step in steps[1:-2:2]]
    keys = tuple(step.data for step in pushed if step.data is not None and len(step.data) == 32)
    required = decode_number(_pushed(steps[-2]) or b"")
    expected = [OP_CHECKSIG] + [OP_CHECKSIGADD] * (len(checks) - 1)
    if checks != expected or len(keys) != len(pushed) or not 1 <= required <= len(keys):
        return None
    return Multisig(required, keys)


def _keys_of(
    script: bytes, multisig: Multisig | None, arguments: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    if multisig:
        return multisig.keys
    key = public_key_of(script)
    if key:
        return (key,)
    is_key_hash = classify(script) is ScriptType.P2PKH
    return tuple(filter(is_public_key, arguments[-1:])) if is_key_hash else ()


def _ecdsa_signatures(items: Sequence[bytes]) -> tuple[Signature, ...]:
    """Those shaped like a DER sequence of two integers with a sighash byte behind."""
    return tuple(
        Signature(item, item[-1], is_schnorr=False)
        for item in items
        if 9 <= len(item) <= 73 and item[0] == 0x30 and item[1] == len(item) - 3 and item[2] == 2
    )


def _schnorr_signatures(items: Sequence[bytes]) -> tuple[Signature, ...]:
    """Those of 64 bytes, or of 65 with a sighash byte that BIP341 allows."""
    return tuple(
        Signature(item, item[64] if len(item) == 65 else 0, is_schnorr=True)
        for item in items
        if len(item) == 64 or (len(item) == 65 and item[64] & 0x7F in (1, 2, 3))
    )
