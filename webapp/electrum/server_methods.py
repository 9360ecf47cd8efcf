"""Methods about the server itself, and which version is spoken."""

import re
from importlib.metadata import version as installed_version
from typing import Any, Final

from indexer.chain.wire import hash_hex
from webapp.electrum.call import Call, Version
from webapp.electrum.parameters import refuse

SOFTWARE: Final = f"Satchel {installed_version('satchel')}"
OLDEST: Final[Version] = (1, 4)
NEWEST: Final[Version] = (1, 6)
NEWEST_WITHOUT_GREETING: Final[Version] = (1, 4, 3)  # from 1.6 on server.version comes first


def banner(call: Call) -> Any:
    pulse = call.pulse()
    return f"{SOFTWARE}: {call.sources.network.title}, block {pulse.tip_height}"


def donation_address(call: Call) -> Any:
    return ""


def features(call: Call) -> Any:
    return {
        "genesis_hash": hash_hex(call.sources.network.genesis_hash),
        "hash_function": "sha256",
        "hosts": {},  # it is its owner's to tell others of it
        "protocol_max": in_text(NEWEST),
        "protocol_min": in_text(OLDEST),
        "pruning": None,
        "server_version": SOFTWARE,
    }


def peers_subscribe(call: Call) -> Any:
    return []


def add_peer(call: Call, features: Any) -> Any:
    """No, thank you: this server serves its owner and knows no others."""
    return False


def ping(call: Call) -> Any:
    return None


def negotiate(protocol_version: Any, *, first: bool) -> Version | None:
    """The version to speak, None if there is none in common."""
    lowest, highest = _range(protocol_version)
    common = min(highest, NEWEST if first else NEWEST_WITHOUT_GREETING)
    return common if common >= max(lowest, OLDEST) else None


def in_text(version: Version) -> str:
    return ".".join(str(part) for part in version)


def _range(value: Any) -> tuple[Version, Version]:
    both = [value, value] if isinstance(value, str) else value
    if not isinstance(both, list) or len(both) != 2:
        refuse('protocol_version: expected a version such as "1.4", or a list of two')
    lowest, highest = (_version(each) for each in both)
    return lowest, highest


def _version(value: Any) -> Version:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", value):
        refuse('protocol_version: expected versions such as "1.4"')
    parts = [int(part) for part in value.split(".")]
    while len(parts) > 2 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
