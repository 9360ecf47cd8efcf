"""Script types in the reader's words."""

from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from indexer.chain.encoding import hash_hex
from indexer.chain.script import ScriptType
from indexer.chain.spend import SpendKind
from indexer.keys import script_hash


@dataclass(frozen=True, slots=True)
class ScriptWords:
    """A short name, and a sentence for who meets it for the first time."""

    name: str
    text: str


_WORDS: dict[ScriptType, tuple[str, str]] = {
    ScriptType.P2PK: (
        "P2PK",
        lazy_gettext(
            "Pays a public key that stands in the output itself: the oldest form, without an "
            "address."
        ),
    ),
    ScriptType.P2PKH: (
        "P2PKH",
        lazy_gettext("Pays the hash of a public key. Spending shows the key and a signature."),
    ),
    ScriptType.P2SH: (
        "P2SH",
        lazy_gettext(
            "Pays the hash of a script. Spending shows the script and what fulfils it, often "
            "several signatures or a wrapped segwit key."
        ),
    ),
    ScriptType.MULTISIG: (
        lazy_gettext("Bare multisig"),
        lazy_gettext(
            "Lists several public keys and how many of them must sign, in the output itself."
        ),
    ),
    ScriptType.P2WPKH: (
        "P2WPKH",
        lazy_gettext(
            "Native segwit version 0: pays the hash of a public key. The signature travels in "
            "the witness, which makes spending cheap."
        ),
    ),
    ScriptType.P2WSH: (
        "P2WSH",
        lazy_gettext(
            "Native segwit version 0: pays the SHA-256 hash of a script, often several signatures."
        ),
    ),
    ScriptType.P2TR: (
        "P2TR",
        lazy_gettext(
            "Taproot, segwit version 1: pays a key that may hide a tree of scripts. Spent by "
            "one signature, or by showing one script of the tree."
        ),
    ),
    ScriptType.P2A: (
        "P2A",
        lazy_gettext(
            "An anchor that anyone may spend, made to raise the fee of its transaction later."
        ),
    ),
    ScriptType.OP_RETURN: (
        "OP_RETURN",
        lazy_gettext("Carries data and can never be spent."),
    ),
    ScriptType.MWEB_PEGIN: (
        lazy_gettext("MWEB peg-in"),
        lazy_gettext(
            "Moves an amount into the MimbleWimble extension block, where it is confidential."
        ),
    ),
    ScriptType.MWEB_HOGADDR: (
        lazy_gettext("MWEB balance"),
        lazy_gettext(
            "Holds all that is inside the MimbleWimble extension block, carried on from block "
            "to block by the HogEx transaction."
        ),
    ),
    ScriptType.WITNESS_UNKNOWN: (
        lazy_gettext("Future segwit version"),
        lazy_gettext(
            "A witness version without rules so far: nodes let anyone spend it and relay "
            "policies forbid it."
        ),
    ),
    ScriptType.NONSTANDARD: (
        lazy_gettext("Non-standard"),
        lazy_gettext("A script of its own making. What it asks for is in its operations."),
    ),
    ScriptType.EMPTY: (
        lazy_gettext("Empty script"),
        lazy_gettext("Asks for nothing but a true value: anyone may spend it."),
    ),
}


def script_words(kind: ScriptType) -> ScriptWords:
    """What a script type is called and means."""
    name, text = _WORDS[kind]
    return ScriptWords(str(name), str(text))


def spend_name(kind: SpendKind) -> str:
    """How an input was unlocked, in a word or two."""
    names = {
        SpendKind.MULTISIG: _("Bare multisig"),
        SpendKind.P2TR_KEY: _("Taproot, key path"),
        SpendKind.P2TR_SCRIPT: _("Taproot, script path"),
        SpendKind.MWEB: "MWEB",
        SpendKind.WITNESS_UNKNOWN: _("Future segwit version"),
        SpendKind.NONSTANDARD: _("Non-standard"),
    }
    return str(names.get(kind, kind.value.upper()))


def script_hash_hex(script: bytes) -> str:
    """The scripthash of the Electrum protocol."""
    return hash_hex(script_hash(script))
