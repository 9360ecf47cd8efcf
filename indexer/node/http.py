"""HTTP to a node: connections kept alive, time and sizes bounded, failures in words."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import RemoteDisconnected
from typing import Any, Final

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
)
from urllib3.exceptions import (
    TimeoutError as HTTPTimeoutError,
)
from urllib3.util import parse_url

from indexer.node.base import NodeError, NodeUnavailableError

# A block of 4 million weight units is 8 MB in hexadecimal, the txids of a full mempool are 20 MB.
MAX_ANSWER: Final = 128 * 1024 * 1024
CHUNK: Final = 1024 * 1024
CONNECT_TIMEOUT: Final = 10.0  # seconds
POOL_SIZE: Final = 4  # Core's own default is four RPC threads
# An answer may take so many times the time allowed for its first byte.
TRANSFER_FACTOR: Final = 10


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class _Connection(HTTPConnection):
    """Tells its pool's owner when a connection is made, be it the same object again."""

    def __init__(self, *args: Any, on_connect: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_connect = on_connect

    def connect(self) -> None:
        self._on_connect()
        super().connect()


class _TlsConnection(HTTPSConnection):
    def __init__(self, *args: Any, on_connect: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_connect = on_connect

    def connect(self) -> None:
        self._on_connect()
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class NodeHttp:
    """One node's HTTP server. `timeout` is in seconds, for each wait on the network."""

    def __init__(self, url: str, timeout: float) -> None:
        try:
            parsed = parse_url(url)
        except LocationParseError:
            parsed = parse_url("")
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise NodeError("node_url is not an address: expected http://host:port")
        if parsed.auth:
            raise NodeError("node_url holds a login: put it into node_user and node_password")
        tls = parsed.scheme == "https"
        port = parsed.port or (443 if tls else 80)
        self.address = f"{parsed.host}:{port}"
        self.timeout = timeout
        self.connections = 0  # made so far: when it grows, another node may be answering
        self._path = (parsed.path or "").rstrip("/")
        self._pool = (_TlsPool if tls else _Pool)(
            parsed.host,
            port,
            maxsize=POOL_SIZE,
            timeout=Timeout(connect=min(timeout, CONNECT_TIMEOUT), read=timeout),
            retries=False,
            on_connect=self._count,
        )

    def get(self, path: str) -> Answer:
        return self._request("GET", path, None, {}, 0)

    def post(self, body: bytes, headers: dict[str, str], patience: float = 0) -> Answer:
        """`patience`: seconds the node may take beyond the usual."""
        return self._request("POST", "/", body, headers, patience)

    def close(self) -> None:
        self._pool.close()

    def _count(self) -> None:
        self.connections += 1

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], patience: float
    ) -> Answer:
        try:
            try:
                return self._exchange(method, path, body, headers, patience)
            except ProtocolError as error:
                # The node closes idle connections, perhaps just as we use one: ask once more.
                if not _was_closed(error):
                    raise
                return self._exchange(method, path, body, headers, patience)
        except HTTPTimeoutError as error:
            if isinstance(error, NewConnectionError):  # urllib3 counts it as a timeout
                raise NodeUnavailableError(self._unreachable(error)) from error
            raise NodeUnavailableError(
                f"The node at {self.address} did not answer within {self.timeout + patience:g} s: "
                "it is busy, or something between swallows the connection."
            ) from error
        except ProtocolError as error:
            raise NodeUnavailableError(
                f"The node at {self.address} broke off its answer: it may be stopping."
            ) from error
        except HTTPError as error:
            raise NodeUnavailableError(self._unreachable(error)) from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], patience: float
    ) -> Answer:
        wait = self.timeout + patience
        response = self._pool.urlopen(
            method,
            self._path + path,
            body=body,
            headers=headers,
            redirect=False,
            preload_content=False,
            timeout=Timeout(connect=min(self.timeout, CONNECT_TIMEOUT), read=wait),
        )
        try:
            content = self._read(response, time.monotonic() + wait * TRANSFER_FACTOR)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Answer(response.status, content)

    def _read(self, response: BaseHTTPResponse, deadline: float) -> bytes:
        chunks = []
        size = 0
        while chunk := response.read1(CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER:
                raise NodeError(
                    f"The node at {self.address} sent more than {MAX_ANSWER >> 20} MiB in one "
                    "answer: is node_url really a node's address?"
                )
            if time.monotonic() > deadline:
                raise NodeUnavailableError(
                    f"The node at {self.address} sends its answer too slowly: {size} bytes came."
                )
        return b"".join(chunks)

    def _unreachable(self, error: HTTPError) -> str:
        if isinstance(error, NameResolutionError):
            return f"The host name in node_url ({self.address}) cannot be found."
        return (
            f"No node answers at {self.address}: start it (with server=1 in its configuration), "
            "or correct node_url."
        )


def _was_closed(error: ProtocolError) -> bool:
    cause = error.args[-1] if error.args else None
    return isinstance(cause, RemoteDisconnected | ConnectionResetError | BrokenPipeError)
