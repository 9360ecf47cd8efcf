"""The outer form of descriptors: functions, arguments, checksum (BIP380 to 386)."""

import re
from typing import NamedTuple

from indexer.chain.network import Network
from indexer.chain.script import MAX_MULTISIG_KEYS
from wallet.descriptor_checksum import checksum, strange_character
from wallet.descriptor_keys import DescriptorError, KeyExpression, parse_key
from wallet.output_scripts import DescriptorKind
from wallet.sentence import said

_MAX_LENGTH = 6_000
_MOST_KEYS_IN_P2SH = 15  # 520 bytes of redeem script
_FUNCTIONS = re.compile(r"((?:[a-z_]+\()+)([^()]*)(\)+)", re.ASCII)


class ParsedText(NamedTuple):
    kind: DescriptorKind
    required: int
    keys: tuple[KeyExpression, ...]


def write_text(kind: DescriptorKind, required: int, keys: list[str]) -> str:
    """A descriptor of these key expressions, with its checksum."""
    arguments = [str(required), *keys] if kind.multisig else keys
    opening = kind.value.rstrip(")") + "("
    script = opening + ",".join(arguments) + ")" * opening.count("(")
    return f"{script}#{checksum(script)}"


def parse_text(text: str, network: Network) -> ParsedText:
    """One descriptor of the kinds that wallets use; DescriptorError says what is wrong."""
    script = _checked(text)
    match = _FUNCTIONS.fullmatch(script)
    if not match:
        raise DescriptorError("this is not of the form kind(key), as in wpkh(xpub.../<0;1>/*)")
    functions = match[1].rstrip("(").split("(")
    if len(functions) != len(match[3]):
        raise DescriptorError("brackets are missing or too many")
    kind = _kind(functions)
    _refuse_unknown(kind, network)
    arguments = match[2].split(",")
    required = 1
    if kind.multisig:
        required = _required(arguments.pop(0), len(arguments), kind)
    elif len(arguments) != 1:
        raise DescriptorError(
            said("%(kind)s has one key, here are %(count)s", kind=kind.value, count=len(arguments))
        )
    keys = tuple(parse_key(argument, network) for argument in arguments)
    if len({(key.key.public_key, key.key.chain_code, key.paths) for key in keys}) != len(keys):
        raise DescriptorError("the same key stands here twice")
    return ParsedText(kind, required, keys)


def _checked(text: str) -> str:
    """The descriptor without its checksum, which is right if it has one."""
    if len(text) > _MAX_LENGTH:
        raise DescriptorError(
            said("%(count)s characters are too many for a descriptor", count=len(text))
        )
    strange = strange_character(text)
    if strange is not None:
        raise DescriptorError(
            said("%(character)s does not occur in a descriptor", character=repr(strange))
        )
    script, mark, given = text.partition("#")
    if not mark:
        return script
    if len(given) != len(checksum("")):
        raise DescriptorError(
            said("the checksum after # has 8 characters, here are %(count)s", count=len(given))
        )
    if given != checksum(script):
        raise DescriptorError("the checksum is wrong: some character is mistyped or missing")
    return script


def _kind(functions: list[str]) -> DescriptorKind:
    name = "(".join(functions) + ")" * (len(functions) - 1)
    try:
        return DescriptorKind(name)
    except ValueError:
        known = ", ".join(kind.value for kind in DescriptorKind)
        raise DescriptorError(
            said(
                "wallets here are of the kinds %(known)s; this is %(kind)s", known=known, kind=name
            )
        ) from None


def _required(text: str, count: int, kind: DescriptorKind) -> int:
    most = _MOST_KEYS_IN_P2SH if kind is DescriptorKind.SH_SORTEDMULTI else MAX_MULTISIG_KEYS
    if not 1 <= count <= most:
        raise DescriptorError(
            said(
                "%(kind)s has 1 to %(most)s keys, here are %(count)s",
                kind=kind.value,
                most=most,
                count=count,
            )
        )
    if not re.fullmatch("[1-9][0-9]?", text, re.ASCII) or int(text) > count:
        raise DescriptorError(
            said("of %(count)s keys 1 to %(count)s can be asked to sign", count=count)
        )
    return int(text)


def _refuse_unknown(kind: DescriptorKind, network: Network) -> None:
    """A chain without segwit or taproot has no such addresses."""
    if ("w" in kind.value and not network.segwit) or (
        kind is DescriptorKind.TR and not network.taproot
    ):
        raise DescriptorError(
            said(
                "%(network)s has no addresses of kind %(kind)s",
                network=network.title,
                kind=kind.value,
            )
        )
