"""Whatever happened on the way, the database equals one built fresh from the chain it stands on."""

from contextlib import suppress
from functools import partial
from threading import Event
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from indexer.database import Database
from indexer.node.base import NodeError
from indexer.sync import drafting
from indexer.sync import indexer as indexer_module
from indexer.sync.indexer import Indexer
from indexer.sync.prevouts import Prevouts
from indexer.sync.state import State, read_state
from tests.synthetic import SyntheticNode
from tests.tables import (
    AGGREGATES,
    CHAIN,
    Tables,
    clear,
    make_fresh,
    read_tables,
    require_equal,
)


class StopAfter(Event):
    """Is set from the given look at it on."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


class IndexMachine(RuleBasedStateMachine):
    """A node that does what nodes do, and an indexer that is stopped, cut off and restarted."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.fresh: dict[bytes, Tables] = {}
        clear(database)

    @initialize(seed=st.integers(0, 1 << 32), count=st.integers(0, 30))
    def start(self, seed: int, count: int) -> None:
        self.node = SyntheticNode(seed)
        self.node.mine(count)
        self.restart()

    @rule()
    def restart(self) -> None:
        self.indexer = self._indexer(Event())

    @rule(count=st.integers(1, 8), transactions=st.integers(0, 6))
    def mine(self, count: int, transactions: int) -> None:
        self.node.mine(count, transactions)

    @rule(depth=st.integers(1, 20), count=st.integers(0, 22))
    def reorganise(self, depth: int, count: int) -> None:
        self.node.reorganise(depth, count)

    @rule()
    def index(self) -> None:
        while self.indexer.step():
            pass
        assert self._state().tip_hash == self.node.path[-1]

    @rule(calls=st.integers(0, 40))
    def index_until_the_node_fails(self, calls: int) -> None:
        self.node.fail_in = calls
        with suppress(NodeError):
            self.indexer.step()
        self.node.fail_in = None

    @rule(looks=st.integers(0, 20))
    def index_until_stopped(self, looks: int) -> None:
        self._indexer(StopAfter(looks)).step()
        self.restart()

    @precondition(lambda self: hasattr(self, "node"))
    @invariant()
    def equals_fresh(self) -> None:
        found = read_tables(self.database)
        if not found["state"]:
            return
        found.pop("state")
        state = self._state()
        if state.tip_height < 0:
            assert not any(found.values())
            return
        expected = self._fresh(state.tip_hash)
        if state.phase == "follow":
            require_equal(found, expected)
        else:
            require_equal(found, {table.name: expected[table.name] for table in CHAIN})
            assert not any(found[table.name] for table in AGGREGATES)

    def teardown(self) -> None:
        if hasattr(self, "node"):
            self.index()
            self.equals_fresh()
            assert self._state().phase == "follow"

    def _indexer(self, stop: Event) -> Indexer:
        return Indexer(self.database, self.node, keep_raw_blocks=True, stop=stop, progress=False)

    def _fresh(self, tip_hash: bytes) -> Tables:
        if tip_hash not in self.fresh:
            self.fresh[tip_hash] = make_fresh(self.node.at(self.node.blocks[tip_hash]))
            del self.fresh[tip_hash]["state"]
        return self.fresh[tip_hash]

    def _state(self) -> State:
        with self.database.read() as connection:
            return read_state(connection)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many SQL transactions in bulk, and a memory for prevouts that forgets soon."""
    monkeypatch.setattr(drafting, "BATCH_BLOCKS", 4)
    monkeypatch.setattr(indexer_module, "Prevouts", partial(Prevouts, 10))


@pytest.mark.usefixtures("small_steps")
def test_equals_a_fresh_database(database: Database) -> None:
    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], partial(IndexMachine, database)),
        settings=settings(
            max_examples=40 if database.is_sqlite else 10,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
