"""Lets other processes hand transactions to the embedded node: a unix socket in its directory.

Only the node's own user may connect (mode 0600). One line of JSON each way, then it is closed.
"""

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from indexer.node.base import (
    Broadcaster,
    NodeError,
    NodeUnavailableError,
    PackageResult,
    TransactionRejectedError,
    Verdict,
)

logger = logging.getLogger(__name__)

SOCKET_NAME: Final = "node.socket"
TIMEOUT: Final = 10.0  # seconds, for each wait on the other side
MAX_LINE: Final = 4_000_000  # bytes: a package of the largest size in hexadecimal is 0.9 MB
MAX_WAITING: Final = 32
_LIMITS: Final = ("max_fee_rate", "max_burn")
_LONGEST_PATH: Final = 100  # bytes that every system's socket addresses have room for


class NodeSocket:
    """Serves a node to other processes until it is closed. Close it before the node."""

    def __init__(self, node: Broadcaster, directory: Path) -> None:
        """NodeUnavailableError where the directory allows no socket."""
        self._node = node
        self._path = directory / SOCKET_NAME
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self._bind()
        except OSError as error:
            self._listener.close()
            raise NodeUnavailableError(
                f"{self._path} cannot be listened on: {error.strerror}"
            ) from error
        self._thread = threading.Thread(target=self._serve, name="node socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self._thread.join(TIMEOUT)
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> "NodeSocket":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _bind(self) -> None:
        self._path.unlink(missing_ok=True)  # of a process that was killed: only one owns the node
        os.fchmod(self._listener.fileno(), 0o600)  # on Linux what the file begins with
        with _short(self._path) as address:
            self._listener.bind(address)
        self._path.chmod(0o600)
        self._listener.listen(MAX_WAITING)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(TIMEOUT)
            request = _read_line(connection)
            connection.sendall(json.dumps(self._answer(request)).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            method = asked["method"]
            raws = [bytes.fromhex(each) for each in asked["transactions"]]
            limits = {name: int(asked[name]) for name in _LIMITS if name in asked}
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("The node's socket was asked nonsense: %r", error)
            return {"unavailable": "The embedded node does not understand what it is asked."}
        try:
            return self._perform(method, raws, limits)
        except TransactionRejectedError as error:
            return {"rejected": str(error), "code": error.code, "reason": error.reason}
        except NodeError as error:
            return {"unavailable": str(error)}

    def _perform(self, method: str, raws: list[bytes], limits: dict[str, int]) -> dict[str, Any]:
        match method:
            case "submit":
                return {"txid": self._node.submit(b"".join(raws)).hex()}
            case "test_accept":
                verdicts = self._node.test_accept(raws, **limits)
                return {"verdicts": [_as_json(each) for each in verdicts]}
            case "submit_package":
                return _package_as_json(self._node.submit_package(raws, **limits))
        return {"unavailable": f"The embedded node knows no {method}."}


class NodeSocketClient:
    """Implements `Broadcaster` for the embedded node of another process. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SOCKET_NAME

    def submit(self, raw: bytes) -> bytes:
        return bytes.fromhex(self._ask("submit", [raw])["txid"])

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        answer = self._ask("test_accept", raws, max_fee_rate=max_fee_rate)
        return tuple(_verdict(each) for each in answer["verdicts"])

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        answer = self._ask("submit_package", raws, max_fee_rate=max_fee_rate, max_burn=max_burn)
        return PackageResult(
            answer["message"],
            tuple(_verdict(each) for each in answer["verdicts"]),
            tuple(bytes.fromhex(txid) for txid in answer["replaced"]),
        )

    def _ask(self, method: str, raws: Sequence[bytes], **limits: int | None) -> dict[str, Any]:
        """Ask once: what was sent is never sent again, since it may have arrived."""
        given = {name: limit for name, limit in limits.items() if limit is not None}
        asked = {"method": method, "transactions": [raw.hex() for raw in raws], **given}
        line = json.dumps(asked).encode() + b"\n"
        if len(line) > MAX_LINE:
            raise TransactionRejectedError("tx-size")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            try:
                with _short(self._path) as address:
                    connection.connect(address)
            except OSError as error:
                raise NodeUnavailableError(
                    "The process that runs the embedded node is not there: start `satchel index` "
                    f"or `satchel demo` ({error.strerror or error})."
                ) from error
            try:
                connection.sendall(line)
                answer: dict[str, Any] = json.loads(_read_line(connection))
            except (OSError, ValueError) as error:
                raise NodeUnavailableError(
                    "The embedded node broke off: the transaction may have been sent or not."
                ) from error
        if "rejected" in answer:
            raise TransactionRejectedError(
                answer["rejected"], code=answer["code"], reason=answer["reason"]
            )
        if "unavailable" in answer:
            raise NodeUnavailableError(answer["unavailable"])
        return answer


def _read_line(connection: socket.socket) -> bytes:
    """Up to the first line's end; ValueError where it does not come in time or is too long."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part or len(line) > MAX_LINE:
            raise ValueError("the line has no end")
        line += part
    return bytes(line)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {name: _hexed(value) for name, value in asdict(verdict).items()}


def _package_as_json(result: PackageResult) -> dict[str, Any]:
    return {
        "message": result.message,
        "verdicts": [_as_json(each) for each in result.verdicts],
        "replaced": [txid.hex() for txid in result.replaced],
    }


def _hexed(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return [each.hex() for each in value] if isinstance(value, tuple) else value


def _verdict(answer: dict[str, Any]) -> Verdict:
    values = {field.name: answer[field.name] for field in fields(Verdict)}
    for name in ("txid", "wtxid", "other_wtxid"):
        values[name] = None if values[name] is None else bytes.fromhex(values[name])
    values["effective_includes"] = tuple(
        bytes.fromhex(each) for each in values["effective_includes"]
    )
    return Verdict(**values)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address of the socket that fits: a long path is reached through its open directory."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
