"""Key expressions of descriptors (BIP380, BIP389): an extended key, where from, where to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from indexer.chain.network import Network
from wallet.extended_keys import (
    HARDENED,
    ExtendedKey,
    ExtendedKeyError,
    ExtendedKeyProblem,
    key_prefixes,
    parse_extended_key,
)
from wallet.keys import Branch
from wallet.sentence import said

Path = tuple[int, ...]

_MAX_STEPS = 16
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,9})([hH']?)", re.ASCII)
_ORIGIN = re.compile(r"\[([0-9a-fA-F]{8})((?:/[^\]]*)?)\](.*)", re.ASCII | re.DOTALL)


class DescriptorError(ValueError):
    """Not a descriptor that a wallet of this network can watch. The message says why.

    `reason` is set where a key in it is at fault.
    """

    def __init__(self, message: str, reason: ExtendedKeyProblem | None = None) -> None:
        super().__init__(message)
        self.reason = reason


def parse_path(text: str) -> Path:
    """Steps such as 84h/1h/0h, empty for none; DescriptorError says what is no number."""
    steps = text.split("/") if text else []
    if len(steps) > _MAX_STEPS:
        raise DescriptorError(said("%(count)s steps are too many for a path", count=len(steps)))
    return tuple(map(_step, steps))


def write_path(path: Path) -> str:
    """As `parse_path` reads it, hardened steps with h."""
    return "/".join(f"{step - HARDENED}h" if step >= HARDENED else str(step) for step in path)


def _step(text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if not match or int(match[1]) >= HARDENED:
        raise DescriptorError(
            "a step of a path is a number below 2147483648, with h if it is hardened"
        )
    return int(match[1]) + (HARDENED if match[2] else 0)


@dataclass(frozen=True)
class KeyExpression:
    """A key of a descriptor and the two paths from it to the receive and change keys.

    `origin` are the steps from the master key of `fingerprint` to `key`.
    """

    fingerprint: bytes
    origin: Path
    key: ExtendedKey
    paths: tuple[Path, ...]

    def text(self, network: Network, branch: Branch | None = None) -> str:
        """Canonical; with a branch, its single path only."""
        key = self.key.text(key_prefixes(network)[0])
        paths = self.paths if branch is None else (self.paths[branch],)
        return f"{self._origin_text}{key}{_write_paths(paths)}"

    @property
    def _origin_text(self) -> str:
        if not self.origin and self.fingerprint == self.key.fingerprint:
            return ""
        return "[" + "/".join(filter(None, (self.fingerprint.hex(), write_path(self.origin)))) + "]"

    @cached_property
    def nodes(self) -> tuple[ExtendedKey, ...]:
        """The parents of the receive and of the change keys."""
        return tuple(self.key.descendant(path) for path in self.paths)


def _write_paths(paths: tuple[Path, ...]) -> str:
    steps = (dict.fromkeys(step) for step in zip(*paths, strict=True))
    written = (
        str(step[0]) if len(step) == 1 else f"<{';'.join(map(str, step))}>"
        for step in map(list, steps)
    )
    return "".join(f"/{step}" for step in (*written, "*"))


def parse_origin(text: str) -> tuple[bytes | None, Path, str]:
    """The fingerprint and path in brackets, if there are any, and what follows."""
    if not text.startswith("["):
        return None, (), text
    match = _ORIGIN.fullmatch(text)
    if not match:
        raise DescriptorError(
            "a key's origin is written as [fingerprint/path], the fingerprint in 8 hex digits"
        )
    if match[2] == "/":
        raise DescriptorError("a path must not end with /")
    return bytes.fromhex(match[1]), parse_path(match[2][1:]), match[3]


def parse_key(text: str, network: Network) -> KeyExpression:
    """A key with one path, or with the two that <a;b> stands for, each ending in /*."""
    fingerprint, origin, rest = parse_origin(text)
    encoded, *steps = rest.split("/")
    key = read_key(encoded, network)
    if steps[-1:] != ["*"]:
        raise DescriptorError(
            "each key must end with /<0;1>/* to describe a wallet's receive and change addresses"
        )
    paths = _parse_paths(steps[:-1])
    return KeyExpression(
        key.fingerprint if fingerprint is None else fingerprint, origin, key, paths
    )


def read_key(encoded: str, network: Network) -> ExtendedKey:
    """As `parse_extended_key`, with a DescriptorError."""
    try:
        return parse_extended_key(encoded, network)
    except ExtendedKeyError as error:
        raise DescriptorError(error.args[0], error.reason) from None


def _parse_paths(steps: list[str]) -> tuple[Path, ...]:
    if len(steps) > _MAX_STEPS:
        raise DescriptorError(said("%(count)s steps are too many for a path", count=len(steps)))
    forks = [place for place, step in enumerate(steps) if "<" in step or ">" in step]
    if len(forks) > 1:
        raise DescriptorError("only one step of a path may be written as <a;b>")
    paths = [steps]
    if forks:
        place = forks[0]
        fork = steps[place]
        numbers = fork[1:-1].split(";")
        if fork[0] != "<" or fork[-1] != ">" or len(numbers) != 2 or numbers[0] == numbers[1]:
            raise DescriptorError(
                "receive and change branches are written as two different numbers, as in <0;1>"
            )
        paths = [[*steps[:place], number, *steps[place + 1 :]] for number in numbers]
    parsed = tuple(tuple(map(_step, path)) for path in paths)
    if any(step >= HARDENED for path in parsed for step in path):
        raise DescriptorError("a public key has no hardened children: no h after the key")
    return parsed


def with_both_branches(keys: Sequence[KeyExpression]) -> tuple[KeyExpression, ...]:
    """The keys of a descriptor with <a;b>; those without it serve both branches (BIP389)."""
    if all(len(key.paths) == 1 for key in keys):
        raise DescriptorError(
            "this describes one branch only: write <0;1> for receive and change, "
            "or give both descriptors, one a line"
        )
    return tuple(replace(key, paths=(key.paths[0], key.paths[-1])) for key in keys)


def join_branches(
    receive: Sequence[KeyExpression], change: Sequence[KeyExpression]
) -> tuple[KeyExpression, ...]:
    """The keys of two descriptors that differ in one step after the keys, and only there."""
    if [replace(key, paths=()) for key in receive] != [replace(key, paths=()) for key in change]:
        raise DescriptorError("the two descriptors have different keys")
    joined = tuple(
        replace(one, paths=one.paths + other.paths)
        for one, other in zip(receive, change, strict=True)
    )
    if any(len(key.paths) != 2 or len(set(map(len, key.paths))) != 1 for key in joined):
        raise DescriptorError("of two descriptors each describes one branch, with paths alike")
    differing = [sum(a != b for a, b in zip(*key.paths, strict=True)) for key in joined]
    if max(differing) != 1:
        raise DescriptorError("receive and change descriptor must differ in one step of the path")
    return joined
