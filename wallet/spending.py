"""The kinds of output our keys can spend: their script, how large a spend is, how it is signed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import new as new_hash
from hashlib import sha256
from typing import NamedTuple, Protocol

from coincurve import PrivateKey

from indexer.chain.encoding import encode_witness
from indexer.chain.wire import varint_size
from wallet import sighash as hash_types
from wallet.keys import Purpose
from wallet.sighash import Sighash
from wallet.signing import ECDSA_SIZE, sign_ecdsa, sign_schnorr
from wallet.taproot import MaybeTree, control_blocks, merkle_root, output_key, tweaked, x_only

_OP_CHECKLOCKTIMEVERIFY = b"\xb1"
_OP_CHECKSEQUENCEVERIFY = b"\xb2"
_OP_DROP = b"\x75"
_OP_CHECKSIG = b"\xac"
_OP_CHECKMULTISIG = b"\xae"
_SCHNORR_SIZE = 64


class Unlocked(NamedTuple):
    """What goes into an input."""

    script_sig: bytes
    witness: tuple[bytes, ...]

    @property
    def weight(self) -> int:
        """Weight units of the script and the witness, their lengths included."""
        size = varint_size(len(self.script_sig)) + len(self.script_sig)
        return 4 * size + len(encode_witness(self.witness))


class Spend(Protocol):
    """One output script of ours and the means to spend it."""

    @property
    def script(self) -> bytes: ...

    @property
    def template(self) -> Unlocked:
        """An `Unlocked` of the size that signing gives."""

    @property
    def locktime(self) -> int:
        """The least nLockTime of a transaction that spends it, 0 for any."""

    @property
    def sequence(self) -> int | None:
        """The nSequence that its script demands (BIP112), None for any."""

    def unlock(self, digests: Sighash, index: int) -> Unlocked: ...


class Wrapper(Enum):
    """Where the script with the conditions stands."""

    BARE = "bare"
    P2SH = "p2sh"
    P2WSH = "p2wsh"
    P2WPKH = "p2wpkh"
    P2SH_P2WPKH = "p2sh-p2wpkh"


def hash160(data: bytes) -> bytes:
    return new_hash("ripemd160", sha256(data).digest()).digest()


def push(data: bytes) -> bytes:
    """The shortest operation that pushes up to 65,535 bytes."""
    length = len(data)
    if length < 0x4C:
        return bytes([length]) + data
    if length < 0x100:
        return b"\x4c" + bytes([length]) + data
    return b"\x4d" + length.to_bytes(2, "little") + data


def push_number(number: int) -> bytes:
    """The shortest operation that pushes a number >= 0."""
    if number == 0:
        return b"\0"
    if number <= 16:
        return bytes([0x50 + number])
    return push(number.to_bytes(number.bit_length() // 8 + 1, "little"))


def p2sh_script(redeem_script: bytes) -> bytes:
    return b"\xa9\x14" + hash160(redeem_script) + b"\x87"


def p2pkh_script(public_key: bytes) -> bytes:
    return b"\x76\xa9\x14" + hash160(public_key) + b"\x88\xac"


def p2wpkh_script(public_key: bytes) -> bytes:
    return b"\0\x14" + hash160(public_key)


@dataclass(frozen=True)
class ScriptSpend:
    """ECDSA conditions: signatures over `code`, between the given stack items.

    For P2WPKH `code` is the P2PKH script of the key, as BIP143 signs it.
    """

    code: bytes
    signers: tuple[PrivateKey, ...]
    wrapper: Wrapper = Wrapper.BARE
    before: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    locktime: int = 0
    sequence: int | None = None

    @cached_property
    def _witness_program(self) -> bytes:
        if self.wrapper is Wrapper.P2WSH:
            return b"\0\x20" + sha256(self.code).digest()
        return b"\0\x14" + self.code[3:23]

    @cached_property
    def script(self) -> bytes:
        match self.wrapper:
            case Wrapper.BARE:
                return self.code
            case Wrapper.P2SH:
                return p2sh_script(self.code)
            case Wrapper.P2SH_P2WPKH:
                return p2sh_script(self._witness_program)
            case _:
                return self._witness_program

    def _placed(self, signatures: Sequence[bytes]) -> Unlocked:
        items = (*self.before, *signatures, *self.after)
        match self.wrapper:
            case Wrapper.BARE:
                return Unlocked(b"".join(map(push, items)), ())
            case Wrapper.P2SH:
                return Unlocked(b"".join(map(push, (*items, self.code))), ())
            case Wrapper.P2WSH:
                return Unlocked(b"", (*items, self.code))
            case Wrapper.P2WPKH:
                return Unlocked(b"", items)
            case Wrapper.P2SH_P2WPKH:
                return Unlocked(push(self._witness_program), items)

    @cached_property
    def template(self) -> Unlocked:
        return self._placed([bytes(ECDSA_SIZE)] * len(self.signers))

    def unlock(self, digests: Sighash, index: int) -> Unlocked:
        legacy = self.wrapper in (Wrapper.BARE, Wrapper.P2SH)
        digest = (digests.legacy if legacy else digests.segwit_v0)(index, self.code, hash_types.ALL)
        return self._placed([sign_ecdsa(key, digest, hash_types.ALL) for key in self.signers])


@dataclass(frozen=True)
class TaprootSpend:
    """A taproot output of our key, spent by the key or, given `leaf`, by that script.

    `leaf` counts the tree's scripts from the left; such a script must ask for one signature of
    `leaf_key` and nothing else.
    """

    key: PrivateKey
    tree: MaybeTree = None
    leaf: int | None = None
    leaf_key: PrivateKey | None = None
    locktime: int = 0
    sequence: int | None = None

    @cached_property
    def script(self) -> bytes:
        return b"\x51\x20" + output_key(x_only(self.key), merkle_root(self.tree))[0]

    @cached_property
    def _tweaked(self) -> PrivateKey:
        return tweaked(self.key, merkle_root(self.tree))

    @cached_property
    def template(self) -> Unlocked:
        if self.leaf is None or self.tree is None:
            return Unlocked(b"", (bytes(_SCHNORR_SIZE),))
        leaf, control = control_blocks(x_only(self.key), self.tree)[self.leaf]
        return Unlocked(b"", (bytes(_SCHNORR_SIZE), leaf.script, control))

    def unlock(self, digests: Sighash, index: int) -> Unlocked:
        if self.leaf is None or self.tree is None:
            digest = digests.taproot(index, hash_types.DEFAULT)
            return Unlocked(b"", (sign_schnorr(self._tweaked, digest, hash_types.DEFAULT),))
        leaf, control = control_blocks(x_only(self.key), self.tree)[self.leaf]
        digest = digests.taproot(index, hash_types.DEFAULT, leaf.hash)
        signature = sign_schnorr(self.leaf_key or self.key, digest, hash_types.DEFAULT)
        return Unlocked(b"", (signature, leaf.script, control))


def p2pk(key: PrivateKey, *, compressed: bool = True) -> ScriptSpend:
    return ScriptSpend(push(key.public_key.format(compressed)) + _OP_CHECKSIG, (key,))


def p2pkh(key: PrivateKey) -> ScriptSpend:
    public = key.public_key.format()
    return ScriptSpend(p2pkh_script(public), (key,), Wrapper.BARE, after=(public,))


def p2wpkh(key: PrivateKey) -> ScriptSpend:
    public = key.public_key.format()
    return ScriptSpend(p2pkh_script(public), (key,), Wrapper.P2WPKH, after=(public,))


def p2sh_p2wpkh(key: PrivateKey) -> ScriptSpend:
    public = key.public_key.format()
    return ScriptSpend(p2pkh_script(public), (key,), Wrapper.P2SH_P2WPKH, after=(public,))


def p2tr(key: PrivateKey) -> TaprootSpend:
    return TaprootSpend(key)


def multisig(
    required: int,
    keys: Sequence[PrivateKey],
    wrapper: Wrapper,
    signing: Sequence[int] | None = None,
) -> ScriptSpend:
    """m-of-n by BIP67's key order; `signing` names the keys that sign (the first m if None)."""
    ordered = sorted(keys, key=lambda key: key.public_key.format())
    publics = b"".join(push(key.public_key.format()) for key in ordered)
    code = push_number(required) + publics + push_number(len(keys)) + _OP_CHECKMULTISIG
    chosen = range(required) if signing is None else sorted(signing)
    signers = tuple(ordered[position] for position in chosen)
    return ScriptSpend(code, signers, wrapper, before=(b"",))


def locked_until(key: PrivateKey, locktime: int, wrapper: Wrapper = Wrapper.P2WSH) -> ScriptSpend:
    """Spendable from a height or time on (BIP65)."""
    code = (
        push_number(locktime)
        + _OP_CHECKLOCKTIMEVERIFY
        + _OP_DROP
        + push(key.public_key.format())
        + _OP_CHECKSIG
    )
    return ScriptSpend(code, (key,), wrapper, locktime=locktime)


def locked_for(key: PrivateKey, sequence: int, wrapper: Wrapper = Wrapper.P2WSH) -> ScriptSpend:
    """Spendable some blocks or 512-second units after it confirmed (BIP68, BIP112)."""
    code = (
        push_number(sequence)
        + _OP_CHECKSEQUENCEVERIFY
        + _OP_DROP
        + push(key.public_key.format())
        + _OP_CHECKSIG
    )
    return ScriptSpend(code, (key,), wrapper, sequence=sequence)


_SINGLE_KEY: dict[Purpose, Callable[[PrivateKey], Spend]] = {
    Purpose.P2PKH: p2pkh,
    Purpose.P2SH_P2WPKH: p2sh_p2wpkh,
    Purpose.P2WPKH: p2wpkh,
    Purpose.P2TR: p2tr,
}


def of_account(purpose: Purpose, key: PrivateKey) -> Spend:
    """The output an account of this purpose makes for one of its keys."""
    return _SINGLE_KEY[purpose](key)
