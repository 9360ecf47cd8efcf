"""What one client wants to hear of, and its words for it: mempool.space's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from indexer.chain.address import AddressError, script_of
from indexer.chain.encoding import EncodingError, hash_from_hex
from indexer.chain.network import Network

WANTABLE: Final = frozenset({"blocks", "stats", "mempool-blocks"})
MAX_ADDRESSES: Final = 100  # of one connection


class RequestError(ValueError):
    """The client's words make no sense. The message is sent to it."""


@dataclass(slots=True)
class Subscriptions:
    """What one connection wants. Addresses are kept as the client wrote them."""

    wants: frozenset[str] = frozenset()
    txid: bytes | None = None
    address: tuple[str, bytes] | None = None  # and its script
    addresses: dict[str, bytes] = field(default_factory=dict)

    def clear(self) -> None:
        self.wants = frozenset()
        self.txid = self.address = None
        self.addresses = {}

    @property
    def scripts(self) -> set[bytes]:
        found = set(self.addresses.values())
        if self.address is not None:
            found.add(self.address[1])
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """What a message asks for at once. `problems` are answers that are known already."""

    init: bool = False
    ping: bool = False
    fresh_wants: frozenset[str] = frozenset()
    track_tx: bytes | None = None
    watch_mempool: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_index(self) -> bool:
        return self.init or bool(self.fresh_wants) or self.track_tx is not None


def take(subscriptions: Subscriptions, text: str, network: Network) -> Request:
    """Note what a message changes of the subscriptions; the rest is what is asked for now.

    RequestError where it is no message. Words that are not known are passed over, as
    mempool.space does.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError("expected a JSON object") from None
    if not isinstance(message, dict):
        raise RequestError("expected a JSON object")
    fresh: frozenset[str] = frozenset()
    if message.get("action") == "want":
        listed = message.get("data")
        wants = (
            frozenset(each for each in listed if isinstance(each, str))
            if isinstance(listed, list)
            else frozenset()
        )
        fresh = (wants & WANTABLE) - subscriptions.wants
        subscriptions.wants = wants & WANTABLE
    problems: dict[str, str] = {}
    tracked = _track_tx(subscriptions, message, problems)
    _track_address(subscriptions, message, network, problems)
    _track_addresses(subscriptions, message, network, problems)
    return Request(
        init=message.get("action") == "init",
        ping=message.get("action") == "ping",
        fresh_wants=fresh,
        track_tx=tracked,
        watch_mempool=bool(message.get("watch-mempool")),
        problems=problems,
    )


def _track_tx(
    subscriptions: Subscriptions, message: Mapping[str, Any], problems: dict[str, str]
) -> bytes | None:
    text = message.get("track-tx")
    if text is None:
        return None
    subscriptions.txid = None
    if text == "stop":
        return None
    try:
        subscriptions.txid = hash_from_hex(text.lower() if isinstance(text, str) else "")
    except EncodingError:
        problems["track-tx-error"] = "a txid is 64 hexadecimal digits"
    return subscriptions.txid


def _track_address(
    subscriptions: Subscriptions,
    message: Mapping[str, Any],
    network: Network,
    problems: dict[str, str],
) -> None:
    text = message.get("track-address")
    if text is None:
        return
    subscriptions.address = None
    if text == "stop":
        return
    try:
        subscriptions.address = (str(text), script_of(str(text), network))
    except AddressError as error:
        problems["track-address-error"] = str(error)


def _track_addresses(
    subscriptions: Subscriptions,
    message: Mapping[str, Any],
    network: Network,
    problems: dict[str, str],
) -> None:
    listed = message.get("track-addresses")
    if not isinstance(listed, list):
        return
    subscriptions.addresses = {}
    if len(listed) > MAX_ADDRESSES:
        problems["track-addresses-error"] = (
            f"{len(listed)} addresses were asked for; a connection may track {MAX_ADDRESSES}"
        )
        return
    for text in listed:
        try:
            subscriptions.addresses[str(text)] = script_of(str(text), network)
        except AddressError as error:
            problems["track-addresses-error"] = f"{str(text)[:100]}: {error}"
