"""Everything that leaves a browser or stays somewhere, searched for what must not be there."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_plus

from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from playwright.sync_api import BrowserContext, ConsoleMessage, Request

from indexer.chain.network import Network
from wallet.seed import seed_of_words

LONGEST_FORM = 1_000_000  # characters of what may be percent-encoded
RUN = 3  # so many words in a row are no accident
PRIVATE_KEY = re.compile("[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107}")
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
    """The forms that a wallet's secrets may take in a text: as they are, or words in a row."""

    literal: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, words: list[str], password: str, network: Network) -> "Secrets":
        seed = seed_of_words(" ".join(words))
        versions = Bip32KeyNetVersions(network.xpub_version, network.xprv_version)
        master = Bip32Slip10Secp256k1.FromSeed(seed, versions)
        nodes = [master] + [
            master.DerivePath(f"{purpose}/{network.coin_type}'/0'") for purpose in HARDENED_ACCOUNTS
        ]
        written = [password, *(str(node.PrivateKey().ToExtended()) for node in nodes)]
        for raw in (seed, *(node.PrivateKey().Raw().ToBytes() for node in nodes)):
            written += [raw.hex(), b64encode(raw).decode().rstrip("="), _readable(raw)]
        literal = [each.lower() for each in written]
        runs = [tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)]
        return cls(tuple(literal), tuple(runs))

    def found_in(self, text: str) -> list[str]:
        """Where they stand, with what is around them; as written, or as in an address or form."""
        forms = {text, unquote_plus(text)} if len(text) < LONGEST_FORM else {text}
        found = [each for form in forms for each in self._found_as_written(form.lower())]
        return found + PRIVATE_KEY.findall(text)

    def _found_as_written(self, text: str) -> Iterator[str]:
        places = [text.find(each) for each in self.literal]
        for run in self.runs:
            if all(word in text for word in run):
                places += [match.start() for match in re.finditer(r"[^a-z]{1,9}".join(run), text)]
        for place in places:
            if place >= 0:
                yield text[max(0, place - 60) : place + 80]
