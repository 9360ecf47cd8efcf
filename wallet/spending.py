"""The kinds of output our keys can spend: their script, how large a spend is, how it is signed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple, Protocol

from coincurve import PrivateKey

from indexer.chain import script as scripts
from indexer.chain.encoding import encode_witness, hash160
from indexer.chain.script import push, push_number
from indexer.chain.wire import varint_size
from wallet import sighash as hash_types
from wallet.fees import INPUT_OVERHEAD, InputSize
from wallet.keys import Purpose
from wallet.sighash import Sighash
from wallet.signing import ECDSA_SIZE, sign_ecdsa, sign_schnorr
from wallet.taproot import Leaf, MaybeTree, control_blocks, merkle_root, output_key, tweaked, x_only

_CHECKLOCKTIMEVERIFY_DROP = b"\xb1\x75"
_CHECKSEQUENCEVERIFY_DROP = b"\xb2\x75"
_SCHNORR_SIZE = 64


class Unlocked(NamedTuple):
    """What goes into an input."""

    script_sig: bytes
    witness: tuple[bytes, ...]

    @property
    def input_size(self) -> InputSize:
        """What an input with this adds to a transaction."""
        script_sig = varint_size(len(self.script_sig)) + len(self.script_sig)
        weight = INPUT_OVERHEAD + 4 * script_sig + len(encode_witness(self.witness))
        return InputSize(weight, bool(self.witness))


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
            return scripts.p2wsh(sha256(self.code).digest())
        return scripts.p2wpkh(self.code[3:23])

    @cached_property
    def script(self) -> bytes:
        match self.wrapper:
            case Wrapper.BARE:
                return self.code
            case Wrapper.P2SH:
                return scripts.p2sh(hash160(self.code))
            case Wrapper.P2SH_P2WPKH:
                return scripts.p2sh(hash160(self._witness_program))
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

    `leaf` counts the tree's scripts from the left; the script asks for one signature of each of
    `leaf_keys`, in their order, and for nothing else.
    """

    key: PrivateKey
    tree: MaybeTree = None
    leaf: int | None = None
    leaf_keys: tuple[PrivateKey, ...] = ()
    locktime: int = 0
    sequence: int | None = None

    @cached_property
    def script(self) -> bytes:
        return scripts.p2tr(output_key(x_only(self.key), merkle_root(self.tree))[0])

    @cached_property
    def _tweaked(self) -> PrivateKey:
        return tweaked(self.key, merkle_root(self.tree))

    @cached_property
    def _opening(self) -> tuple[Leaf, bytes] | None:
        """The script that is used and its control block."""
        if self.leaf is None or self.tree is None:
            return None
        return control_blocks(x_only(self.key), self.tree)[self.leaf]

    def _placed(self, signatures: Sequence[bytes]) -> Unlocked:
        if self._opening is None:
            return Unlocked(b"", tuple(signatures))
        leaf, control = self._opening
        return Unlocked(b"", (*reversed(signatures), leaf.script, control))

    @cached_property
    def template(self) -> Unlocked:
        count = 1 if self._opening is None else len(self.leaf_keys)
        return self._placed([bytes(_SCHNORR_SIZE)] * count)

    def unlock(self, digests: Sighash, index: int) -> Unlocked:
        keys: tuple[PrivateKey, ...] = (self._tweaked,)
        leaf_hash = b""
        if self._opening is not None:
            keys, leaf_hash = self.leaf_keys, self._opening[0].hash
        digest = digests.taproot(index, hash_types.DEFAULT, leaf_hash)
        return self._placed([sign_schnorr(key, digest, hash_types.DEFAULT) for key in keys])


def p2pk(key: PrivateKey, *, compressed: bool = True) -> ScriptSpend:
    return ScriptSpend(scripts.p2pk(key.public_key.format(compressed)), (key,))


def _key_hash_spend(key: PrivateKey, wrapper: Wrapper) -> ScriptSpend:
    public = key.public_key.format()
    return ScriptSpend(scripts.p2pkh(hash160(public)), (key,), wrapper, after=(public,))


def p2pkh(key: PrivateKey) -> ScriptSpend:
    return _key_hash_spend(key, Wrapper.BARE)


def p2wpkh(key: PrivateKey) -> ScriptSpend:
    return _key_hash_spend(key, Wrapper.P2WPKH)


def p2sh_p2wpkh(key: PrivateKey) -> ScriptSpend:
    return _key_hash_spend(key, Wrapper.P2SH_P2WPKH)


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
    code = scripts.multisig(required, [key.public_key.format() for key in ordered])
    chosen = range(required) if signing is None else sorted(signing)
    signers = tuple(ordered[position] for position in chosen)
    return ScriptSpend(code, signers, wrapper, before=(b"",))


def locked_until(key: PrivateKey, locktime: int, wrapper: Wrapper = Wrapper.P2WSH) -> ScriptSpend:
    """Spendable from a height or time on (BIP65)."""
    code = push_number(locktime) + _CHECKLOCKTIMEVERIFY_DROP + scripts.p2pk(key.public_key.format())
    return ScriptSpend(code, (key,), wrapper, locktime=locktime)


def locked_for(key: PrivateKey, sequence: int, wrapper: Wrapper = Wrapper.P2WSH) -> ScriptSpend:
    """Spendable some blocks or 512-second units after it confirmed (BIP68, BIP112)."""
    code = push_number(sequence) + _CHECKSEQUENCEVERIFY_DROP + scripts.p2pk(key.public_key.format())
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
