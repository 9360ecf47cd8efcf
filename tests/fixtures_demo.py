"""The demo's history, written once for all tests that want a chain with everything on it."""

from dataclasses import dataclass, field
from pathlib import Path
from time import time

import pytest

from indexer.node.embedded import EmbeddedNode
from webapp.demo.economy import Economy


@dataclass
class WrittenHistory:
    """A closed node's directory. `first_hashes`: of each height, as it was mined at first."""

    directory: Path
    written_at: int
    progress: list[tuple[int, int]] = field(default_factory=list)
    first_hashes: dict[int, bytes] = field(default_factory=dict)


@pytest.fixture(scope="session")
def demo_history(tmp_path_factory: pytest.TempPathFactory) -> WrittenHistory:
    """Do not open its directory: copy it."""
    written = WrittenHistory(tmp_path_factory.mktemp("demo") / "node", int(time()))
    node = EmbeddedNode(written.directory)

    def progress(done: int, total: int) -> None:
        written.progress.append((done, total))
        tip = node.tip()
        written.first_hashes.setdefault(tip.height, tip.hash)

    Economy(node).write_history(progress=progress, now=written.written_at)
    node.close()
    return written
