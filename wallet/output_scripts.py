"""The kinds of output that descriptors make of keys, and their scripts."""

from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from indexer.chain import script as scripts
from indexer.chain.encoding import hash160
from wallet.taproot import output_key


class DescriptorKind(StrEnum):
    """What the outputs are, as the descriptor says it."""

    PKH = "pkh"
    SH_WPKH = "sh(wpkh)"
    WPKH = "wpkh"
    TR = "tr"
    SH_SORTEDMULTI = "sh(sortedmulti)"
    SH_WSH_SORTEDMULTI = "sh(wsh(sortedmulti))"
    WSH_SORTEDMULTI = "wsh(sortedmulti)"

    @property
    def multisig(self) -> bool:
        return "multi" in self.value


class OutputScripts(NamedTuple):
    """An output's scriptPubKey and what a spend of it must show."""

    script: bytes
    redeem_script: bytes | None = None
    witness_script: bytes | None = None
    internal_key: bytes | None = None


def output_scripts(
    kind: DescriptorKind, pubkeys: tuple[bytes, ...], required: int = 1
) -> OutputScripts:
    """The scripts of an output of compressed keys; multisig sorts them (BIP67)."""
    if kind.multisig:
        return _multisig(kind, scripts.multisig(required, sorted(pubkeys)))
    (pubkey,) = pubkeys
    match kind:
        case DescriptorKind.PKH:
            return OutputScripts(scripts.p2pkh(hash160(pubkey)))
        case DescriptorKind.WPKH:
            return OutputScripts(scripts.p2wpkh(hash160(pubkey)))
        case DescriptorKind.TR:
            internal = pubkey[1:]
            return OutputScripts(scripts.p2tr(output_key(internal, b"")[0]), internal_key=internal)
    program = scripts.p2wpkh(hash160(pubkey))
    return OutputScripts(scripts.p2sh(hash160(program)), redeem_script=program)


def _multisig(kind: DescriptorKind, code: bytes) -> OutputScripts:
    if kind is DescriptorKind.SH_SORTEDMULTI:
        return OutputScripts(scripts.p2sh(hash160(code)), redeem_script=code)
    program = scripts.p2wsh(sha256(code).digest())
    if kind is DescriptorKind.WSH_SORTEDMULTI:
        return OutputScripts(program, witness_script=code)
    return OutputScripts(scripts.p2sh(hash160(program)), program, code)
