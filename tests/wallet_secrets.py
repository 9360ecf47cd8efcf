"""Everything that leaves a browser or stays somewhere, searched for what must not be there."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus

from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from playwright.sync_api import BrowserContext, ConsoleMessage, Request

from indexer.chain.network import Network
from wallet.seed import seed_of_words

RUN = 3  # so many words in a row are no accident
HARDENED_ACCOUNTS = ("44'", "49'", "84'", "86'")


@dataclass
class Capture:
    """What the browsers under watch sent and said."""

    sent: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._on_request)
        context.on("console", self._on_console)

    def _on_request(self, request: Request) -> None:
        body = request.post_data_buffer or b""
        headers = json.dumps(request.headers)
        self.sent.append(f"{request.method} {request.url}\n{headers}\n{_readable(body)}")

    def _on_console(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)


def stored_in(context: BrowserContext) -> str:
    """Cookies, localStorage and IndexedDB of all origins."""
    return json.dumps(context.storage_state(indexed_db=True))


def files_below(*directories: Path) -> Iterable[tuple[str, str]]:
    """Each file's name and bytes, databases, their journals and logs among them."""
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                yield str(path), _readable(path.read_bytes())


def _readable(data: bytes) -> str:
    return data.decode("latin-1")


@dataclass(frozen=True)
class Secrets:
    """The forms that a wallet's secrets may take in a text."""

    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, words: list[str], password: str, network: Network) -> "Secrets":
        seed = seed_of_words(" ".join(words))
        versions = Bip32KeyNetVersions(network.xpub_version, network.xprv_version)
        master = Bip32Slip10Secp256k1.FromSeed(seed, versions)
        nodes = [master] + [
            master.DerivePath(f"{purpose}/{network.coin_type}'/0'") for purpose in HARDENED_ACCOUNTS
        ]
        keys = [node.PrivateKey().Raw().ToHex() for node in nodes]
        texts = [seed.hex(), password, *keys, *(str(n.PrivateKey().ToExtended()) for n in nodes)]
        runs = [words[start : start + RUN] for start in range(len(words) - RUN + 1)]
        patterns = [re.compile(re.escape(text), re.IGNORECASE) for text in texts]
        patterns += [re.compile(r"[^a-z]{1,9}".join(run), re.IGNORECASE) for run in runs]
        patterns.append(re.compile(r"[tx]prv[1-9A-HJ-NP-Za-km-z]{50}"))
        return cls(tuple(patterns))

    def found_in(self, text: str) -> list[str]:
        """Where they stand, with what is around them; as written, or as in an address or form."""
        found = []
        for form in {text, unquote_plus(text)}:
            for pattern in self.patterns:
                match = pattern.search(form)
                if match:
                    found.append(form[max(0, match.start() - 60) : match.end() + 20])
        return found
