"""JSON-RPC as Core-family nodes speak it: login, batches, and errors in words."""

import base64
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from indexer.node.base import NodeError, NodeUnavailableError
from indexer.node.http import Answer, NodeHttp

IN_WARMUP: Final = -28


class RpcError(NodeError):
    """The node understood the call and refused it. `code` is Core's (negative)."""

    def __init__(self, method: str, code: int, reason: str) -> None:
        super().__init__(f"The node refused {method}: {reason} ({code})")
        self.code = code
        self.reason = reason


class Login:
    """A user and password, or the cookie file that a node writes anew at each start."""

    def __init__(self, user: str | None, password: str | None, cookie_file: Path | None) -> None:
        self._cookie_file = None if user is not None else cookie_file
        self._secret = f"{user}:{password or ''}" if user is not None else None

    @property
    def can_change(self) -> bool:
        return self._cookie_file is not None

    def header(self) -> dict[str, str]:
        if self._cookie_file is not None and self._secret is None:
            self._secret = self._read_cookie(self._cookie_file)
        if self._secret is None:
            return {}
        token = base64.b64encode(self._secret.encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def forget(self) -> None:
        """Read the cookie file again before the next call."""
        if self.can_change:
            self._secret = None

    def refused(self) -> str:
        if self._cookie_file is not None:
            return (
                f"The node refuses the login in {self._cookie_file} (node_cookie_file): it "
                "belongs to another node, or the node does not use a cookie."
            )
        if self._secret is not None:
            return (
                "The node refuses node_user and node_password: compare them with rpcuser and "
                "rpcpassword, or rpcauth, in the node's configuration."
            )
        return (
            "The node asks for a login: set node_cookie_file to the path of its .cookie file, "
            "or set node_user and node_password."
        )

    @staticmethod
    def _read_cookie(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise NodeUnavailableError(
                f"There is no cookie file {path} (node_cookie_file): the node is not running, "
                "or it keeps its data elsewhere."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text"
            raise NodeError(
                f"The cookie file {path} (node_cookie_file) cannot be read: {reason}."
            ) from None


class JsonRpc:
    """Calls a node's methods. Decimal fractions come back as Decimal, exact."""

    def __init__(self, http: NodeHttp, login: Login) -> None:
        self._http = http
        self._login = login

    def call(self, method: str, *params: Any, patience: float = 0) -> Any:
        """The result; RpcError if the node refuses. `patience`: seconds beyond the timeout."""
        answer = self._send(_request(0, method, params), patience)
        return _result(method, answer)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results in order; where the node refused a call its RpcError stands instead."""
        if not calls:
            return []
        requests = [_request(i, method, params) for i, (method, params) in enumerate(calls)]
        answers = self._send(requests, 0)
        if isinstance(answers, dict):  # one refusal of the whole
            _result("a batch", answers)
        by_id = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and isinstance(answer.get("id"), int)
        }
        results = []
        for i, (method, _) in enumerate(calls):
            try:
                results.append(_result(method, by_id.get(i)))
            except RpcError as error:
                results.append(error)
        return results

    def _send(self, request: Any, patience: float) -> Any:
        body = json.dumps(request).encode()
        answer = self._http.post(body, self._headers(), patience)
        if answer.status == 401 and self._login.can_change:
            self._login.forget()  # the node restarted and wrote a new cookie
            answer = self._http.post(body, self._headers(), patience)
        return self._decode(answer)

    def _headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", **self._login.header()}

    def _decode(self, answer: Answer) -> Any:
        if answer.status == 401:
            self._login.forget()
            raise NodeError(self._login.refused())
        if answer.status == 403:
            raise NodeError(
                f"The node at {self._http.address} refuses this machine: allow its address with "
                "rpcallowip in the node's configuration."
            )
        if answer.status in {429, 502, 503, 504}:
            raise NodeUnavailableError(
                f"The node at {self._http.address} is too busy (HTTP {answer.status}). If this "
                "lasts, raise rpcworkqueue and rpcthreads in its configuration."
            )
        try:
            decoded = json.loads(answer.body, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):  # also of Decimal, also of depth
            decoded = None
        # Core gives an error's details as JSON with status 404 or 500.
        if not isinstance(decoded, dict | list):
            what = "a web page" if answer.body.lstrip().startswith(b"<") else "no JSON"
            raise NodeError(
                f"What answers at {self._http.address} is not a node: it sent {what} (HTTP "
                f"{answer.status}). Correct node_url, or look for a proxy in between."
            )
        return decoded


def _request(number: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "1.0", "id": number, "method": method, "params": list(params)}


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
        raise NodeError(
            f"The node gave no answer to {method}: is node_url really a node's JSON-RPC address?"
        )
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    code = error.get("code") if isinstance(error, dict) else None
    reason = error.get("message") if isinstance(error, dict) else None
    if not isinstance(code, int) or not isinstance(reason, str):
        raise NodeError(f"The node refused {method} without a readable reason.")
    if code == IN_WARMUP:
        raise NodeUnavailableError(f"The node is starting: {reason}")
    raise RpcError(method, code, reason)
