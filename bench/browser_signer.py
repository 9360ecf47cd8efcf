"""The signing worker in a real page of ours, asked as our own script asks it."""

import json
from typing import Any

from playwright.sync_api import Page, Worker

# Amounts are bigints: "12n" in what Python sends and gets.
_OPEN = """
(url) => {
  window.signerPolicy ??= trustedTypes.createPolicy("signer", { createScriptURL: () => url });
  const worker = new Worker(signerPolicy.createScriptURL(""), { type: "module" });
  const waiting = new Map();
  worker.addEventListener("message", ({ data }) => waiting.get(data.id)(data));
  window.signer?.worker.terminate();
  window.signer = { worker, waiting };
}
"""
_ASK = """
(text) => new Promise((resolve) => {
  const revive = (name, value) =>
    typeof value === "string" && /^[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
  const replace = (name, value) => (typeof value === "bigint" ? `${value}n` : value);
  const { worker, waiting } = window.signer;
  const id = waiting.size + 1;
  const question = JSON.parse(text, revive);
  const began = performance.now();
  waiting.set(id, (answer) => {
    const took = performance.now() - began;
    resolve(JSON.stringify({ ...answer, took }, replace));
  });
  worker.postMessage({ id, ...question });
})
"""


class RefusedError(Exception):
    def __init__(self, refusal: dict[str, Any]) -> None:
        super().__init__(refusal)
        self.code: str = refusal["code"]
        self.parameters: dict[str, Any] = refusal["parameters"]


class BrowserSigner:
    """A new worker in a page that has none yet."""

    def __init__(self, page: Page, worker_url: str) -> None:
        self.page = page
        self.milliseconds = 0.0  # that the last call took
        with page.expect_worker() as started:
            page.evaluate(_OPEN, worker_url)
        self.worker: Worker = started.value

    def ask(self, call: str, **ask: Any) -> dict[str, Any]:
        """The answer's value. RefusedError."""
        text = self.page.evaluate(_ASK, json.dumps({"call": call, "ask": ask}))
        answer = json.loads(text)
        self.milliseconds = answer["took"]
        if not answer["ok"]:
            raise RefusedError(answer["refusal"])
        value: dict[str, Any] = answer["value"]
        return value
