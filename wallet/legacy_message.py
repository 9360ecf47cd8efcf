"""Signed messages from which the key is recovered: Core's signmessage, and BIP137's headers."""

from base64 import b64encode
from collections.abc import Iterator

from coincurve import PrivateKey, PublicKey

from indexer.chain import script as scripts
from indexer.chain.encoding import encode_bytes, hash160, hash256
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify
from wallet.verification import Problem, SignatureFormat, Verdict, Verification, invalid

SIZE = 65
HEADERS = range(27, 43)
_COMPRESSED = 31
_P2SH_P2WPKH = 35
_P2WPKH = 39


def message_digest(message: str, network: Network) -> bytes:
    """What is signed: the coin's own sentence and the message."""
    magic = f"{network.coin.capitalize()} Signed Message:\n"
    return hash256(encode_bytes(magic.encode()) + encode_bytes(message.encode()))


def sign_legacy(key: PrivateKey, message: str, network: Network) -> str:
    """For the P2PKH address of the compressed key."""
    signed = key.sign_recoverable(message_digest(message, network), hasher=None)
    return b64encode(bytes([_COMPRESSED + signed[64]]) + signed[:64]).decode()


def verify_legacy(script: bytes, message: str, raw: bytes, network: Network) -> Verification:
    """65 bytes: a header that says which key and, since BIP137, which address; r; s."""
    form = SignatureFormat.LEGACY
    if classify(script) not in (ScriptType.P2PKH, ScriptType.P2SH, ScriptType.P2WPKH):
        return invalid(form, Problem.NOT_FOR_ADDRESS)
    header = raw[0]
    recovery = (header - HEADERS.start) & 3
    try:
        key = PublicKey.from_signature_and_message(
            raw[1:] + bytes([recovery]), message_digest(message, network), hasher=None
        )
    except ValueError:
        return invalid(form, Problem.SIGNATURE)
    if script in _scripts(key, header):
        return Verification(Verdict.VALID, form)
    return invalid(form, Problem.OTHER_ADDRESS)


def _scripts(key: PublicKey, header: int) -> Iterator[bytes]:
    """The addresses that a header may mean; Electrum has one for every compressed key."""
    if header < _COMPRESSED:
        yield scripts.p2pkh(hash160(key.format(compressed=False)))
        return
    key_hash = hash160(key.format())
    program = scripts.p2wpkh(key_hash)
    if header < _P2SH_P2WPKH:
        yield scripts.p2pkh(key_hash)
    if not _P2SH_P2WPKH <= header < _P2WPKH:
        yield program
    if header < _P2WPKH:
        yield scripts.p2sh(hash160(program))
