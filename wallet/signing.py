"""Signatures over a digest: ECDSA as Bitcoin Core makes them, and BIP340 Schnorr."""

from coincurve import PrivateKey
from coincurve.utils import DEFAULT_NONCE, ffi  # type: ignore[attr-defined]

ECDSA_SIZE = 71  # DER with 32-byte r and s, and the sighash byte; once in a hundred it is shorter


def sign_ecdsa(key: PrivateKey, digest: bytes, hash_type: int) -> bytes:
    """A DER signature with low s and low r, followed by the sighash byte."""
    signature: bytes = key.sign(digest, hasher=None, custom_nonce=DEFAULT_NONCE)
    counter = 0
    while len(signature) >= ECDSA_SIZE:
        counter += 1
        extra = ffi.new("unsigned char[32]", counter.to_bytes(32, "little"))
        signature = key.sign(digest, hasher=None, custom_nonce=(ffi.NULL, extra))
    return signature + bytes([hash_type])


def sign_schnorr(
    key: PrivateKey, digest: bytes, hash_type: int, aux_randomness: bytes = bytes(32)
) -> bytes:
    """A BIP340 signature; the sighash byte follows it unless it is SIGHASH_DEFAULT."""
    signature: bytes = key.sign_schnorr(digest, aux_randomness)
    return signature if hash_type == 0 else signature + bytes([hash_type])
