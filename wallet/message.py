"""Signed messages of every kind: BIP322 for segwit addresses, the older form for P2PKH."""

import re
from base64 import b64decode, b64encode

from coincurve import PrivateKey

from indexer.chain.address import script_of
from indexer.chain.network import Network
from wallet import legacy_message
from wallet.bip322 import sign_simple, verify_full, verify_simple
from wallet.keys import Purpose
from wallet.verification import (
    Problem,
    SignatureFormat,
    Verdict,
    Verification,
    inconclusive,
    invalid,
)

__all__ = [
    "MAX_MESSAGE",
    "MessageError",
    "Problem",
    "SignatureFormat",
    "Verdict",
    "Verification",
    "sign_message",
    "verify_message",
]

MAX_MESSAGE = 100_000  # bytes
_MAX_SIGNATURE = 200_000  # characters
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_PREFIXES = {
    "smp": SignatureFormat.SIMPLE,
    "ful": SignatureFormat.FULL,
    "pof": SignatureFormat.PROOF_OF_FUNDS,
}


class MessageError(ValueError):
    """This message cannot be signed. The text says why."""


def sign_message(key: PrivateKey, purpose: Purpose, message: str, network: Network) -> str:
    """The signature of a key's address, base64: BIP322 simple, for P2PKH the older form.

    Without the prefix of BIP322's latest text, which wallets of today do not know.
    """
    if not _fits(message):
        raise MessageError(f"a message has at most {MAX_MESSAGE:,} bytes of text")
    if purpose is Purpose.P2PKH:
        return legacy_message.sign_legacy(key, message, network)
    return b64encode(sign_simple(key, purpose, message)).decode()


def verify_message(address: str, message: str, signature: str, network: Network) -> Verification:
    """Whether the holder of an address signed a message. AddressError for what is no address."""
    script = script_of(address.strip(), network)
    form, raw = _decoded(signature.strip())
    if raw is None or not _fits(message):
        return invalid(form, Problem.ENCODING)
    match form:
        case SignatureFormat.SIMPLE:
            return verify_simple(script, message, raw)
        case SignatureFormat.FULL:
            return verify_full(script, message, raw, network)
        case SignatureFormat.PROOF_OF_FUNDS:
            return inconclusive(form, Problem.PROOF_OF_FUNDS)
    return _verify_unnamed(script, message, raw, network)


def _verify_unnamed(script: bytes, message: str, raw: bytes, network: Network) -> Verification:
    """A signature without prefix: its own form says what it is."""
    if len(raw) == legacy_message.SIZE and raw[0] in legacy_message.HEADERS:
        return legacy_message.verify_legacy(script, message, raw, network)
    simple = verify_simple(script, message, raw)
    if simple.problem is Problem.ENCODING:
        return verify_full(script, message, raw, network)
    return simple


def _fits(message: str) -> bool:
    try:
        return len(message.encode()) <= MAX_MESSAGE
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _decoded(signature: str) -> tuple[SignatureFormat | None, bytes | None]:
    """The format that the prefix says, and the bytes; None for what is not base64."""
    form = _PREFIXES.get(signature[:3])
    text = signature[3:] if form else signature
    if len(text) > _MAX_SIGNATURE or len(text) % 4 or not _BASE64.fullmatch(text):
        return form, None
    return form, b64decode(text)
