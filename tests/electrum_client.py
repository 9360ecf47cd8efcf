"""A client of the Electrum protocol made of nothing but a socket and json."""

import itertools
import json
import socket
import ssl
from collections import deque
from types import TracebackType
from typing import Any

PATIENCE_SECONDS = 20


class ElectrumError(Exception):
    """What the server answered in place of a result."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class ElectrumClient:
    """`news` holds the notifications that came so far, as (method, params)."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self._received = bytearray()
        self._ids = itertools.count()
        self.news: deque[tuple[str, list[Any]]] = deque()

    def __enter__(self) -> "ElectrumClient":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def call(self, method: str, *parameters: Any, **named: Any) -> Any:
        """The result; ElectrumError."""
        number = next(self._ids)
        self.send(
            {"jsonrpc": "2.0", "id": number, "method": method, "params": named or list(parameters)}
        )
        answer = self.answer()
        assert answer["id"] == number
        if "error" in answer:
            raise ElectrumError(answer["error"])
        return answer["result"]

    def batch(self, *calls: tuple[Any, ...]) -> list[Any]:
        """The results of several (method, *parameters)."""
        numbers = [next(self._ids) for _ in calls]
        self.send(
            [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
                for number, (method, *parameters) in zip(numbers, calls, strict=True)
            ]
        )
        answers = {each["id"]: each for each in self.answer()}
        for each in answers.values():
            if "error" in each:
                raise ElectrumError(each["error"])
        return [answers[number]["result"] for number in numbers]

    def send(self, message: Any) -> None:
        self.send_line(json.dumps(message).encode())

    def send_line(self, line: bytes) -> None:
        self.socket.sendall(line + b"\n")

    def answer(self) -> Any:
        """The next message that is no notification; ConnectionError when the server hung up."""
        while True:
            message = self.receive()
            if not isinstance(message, dict) or "method" not in message:
                return message
            self.news.append((message["method"], message["params"]))

    def receive(self) -> Any:
        while (end := self._received.find(b"\n")) < 0:
            part = self.socket.recv(1 << 16)
            if not part:
                raise ConnectionError("the server hung up")
            self._received += part
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return json.loads(line)

    def next_news(self) -> tuple[str, list[Any]]:
        """The next notification."""
        if not self.news:
            message = self.receive()
            self.news.append((message["method"], message["params"]))
        return self.news.popleft()

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        if self.news or self._received:
            return False
        self.socket.settimeout(seconds)
        try:
            self._received += self.socket.recv(1 << 16)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_SECONDS)
        return False
