"""The signing worker's code on Node.js, asked from Python: without browser, storage or page."""

import json
import subprocess
from functools import cache
from typing import Any

from tests.javascript import ROOT, node_binary

BRIDGE = ROOT / "static/tests/bridge.mjs"

Call = tuple[str, dict[str, Any]]


@cache
def _process() -> subprocess.Popen[str]:
    """One for all tests; it ends when we do, since then its input ends."""
    pipe = subprocess.PIPE
    return subprocess.Popen([node_binary(), BRIDGE], stdin=pipe, stdout=pipe, text=True)


def answers(*calls: Call) -> list[dict[str, Any]]:
    """{"value": ...} or {"refusal": ...} for each call in turn; bigints as "12n".

    The token "latest" is that of the `check` before. The worker keeps its state between calls.
    """
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([{"call": call, "ask": ask} for call, ask in calls]) + "\n")
    process.stdin.flush()
    results: list[dict[str, Any]] = json.loads(process.stdout.readline())
    return results


def values(*calls: Call) -> list[Any]:
    """The answers of calls none of which is refused."""
    results = answers(*calls)
    assert [result["refusal"] for result in results if "refusal" in result] == []
    return [result["value"] for result in results]
