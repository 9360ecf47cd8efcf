"""Generic signed messages (BIP322): two transactions that exist on no chain."""

from hashlib import sha256

from coincurve import PrivateKey

from indexer.chain import script as scripts
from indexer.chain.encoding import (
    EncodingError,
    Reader,
    Transaction,
    TxInput,
    TxOutput,
    encode_witness,
    hash160,
    parse_transaction,
)
from indexer.chain.network import Network
from wallet.keys import Purpose
from wallet.sighash import Sighash
from wallet.signature_check import Check, check_input
from wallet.spending import of_account
from wallet.taproot import tagged_hash
from wallet.verification import (
    Problem,
    SignatureFormat,
    Verdict,
    Verification,
    inconclusive,
    invalid,
)

_TAG = "BIP0322-signed-message"
_NO_VOUT = 0xFFFFFFFF
_RETURN = TxOutput(0, scripts.op_return())
_VERSIONS = (0, 2)


def message_hash(message: str) -> bytes:
    return tagged_hash(_TAG, message.encode())


def to_spend(message: str, script: bytes) -> Transaction:
    """The transaction that commits to message and address."""
    challenge = scripts.push(b"") + scripts.push(message_hash(message))
    return Transaction(0, [TxInput(bytes(32), _NO_VOUT, challenge, 0)], [TxOutput(0, script)])


def to_sign(
    message: str, script: bytes, script_sig: bytes = b"", witness: tuple[bytes, ...] = ()
) -> Transaction:
    """The transaction whose input is the signature."""
    spent = to_spend(message, script).txid
    return Transaction(0, [TxInput(spent, 0, script_sig, 0, witness)], [_RETURN])


def sign_simple(key: PrivateKey, purpose: Purpose, message: str) -> bytes:
    """The witness of a segwit address."""
    spend = of_account(purpose, key)
    prepared = to_sign(message, spend.script)
    _, witness = spend.unlock(Sighash(prepared, [TxOutput(0, spend.script)]), 0)
    return encode_witness(witness)


def verify_simple(script: bytes, message: str, raw: bytes) -> Verification:
    reader = Reader(raw)
    try:
        witness = tuple(reader.var_bytes() for _ in range(reader.count(1)))
        reader.end()
    except EncodingError:
        return invalid(None, Problem.ENCODING)
    prepared = to_sign(message, script, _script_sig(script, witness), witness)
    return _checked(prepared, script, SignatureFormat.SIMPLE)


def verify_full(script: bytes, message: str, raw: bytes, network: Network) -> Verification:
    form = SignatureFormat.FULL
    try:
        signed = parse_transaction(raw, network)
    except EncodingError:
        return invalid(form, Problem.ENCODING)
    first = signed.inputs[0] if signed.inputs else None
    if first is None or signed.outputs != (_RETURN,):
        return invalid(form, Problem.ENCODING)
    if (first.prev_txid, first.prev_vout) != (to_spend(message, script).txid, 0):
        return invalid(form, Problem.OTHER_MESSAGE)
    if len(signed.inputs) > 1:
        return inconclusive(form, Problem.PROOF_OF_FUNDS)
    if signed.version not in _VERSIONS:
        return inconclusive(form, Problem.VERSION)
    return _checked(signed, script, form)


def _checked(signed: Transaction, script: bytes, form: SignatureFormat) -> Verification:
    match check_input(Sighash(signed, [TxOutput(0, script)]), 0):
        case Check.RIGHT:
            sequence = signed.inputs[0].sequence
            return Verification(Verdict.VALID, form, None, signed.locktime, sequence)
        case Check.WRONG:
            return invalid(form, Problem.SIGNATURE)
        case Check.UNKNOWN:
            return inconclusive(form, Problem.SCRIPT)


def _script_sig(script: bytes, witness: tuple[bytes, ...]) -> bytes:
    """What a simple signature leaves out: the program behind a P2SH address."""
    if witness:
        last = witness[-1]
        for program in (scripts.p2wpkh(hash160(last)), scripts.p2wsh(sha256(last).digest())):
            if scripts.p2sh(hash160(program)) == script:
                return scripts.push(program)
    return b""
