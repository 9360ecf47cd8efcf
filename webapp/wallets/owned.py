"""The scripts that a wallet has derived so far, and what each of them is to it."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from indexer.queries.script_sets import ScriptSet
from wallet.keys import Branch
from webapp.accounts.schema import account, account_script

Shape = tuple[tuple[int, int, int], ...]  # (account, branch, scripts derived)


class Place(NamedTuple):
    """Where a script of the wallet comes from."""

    account_id: int
    branch: Branch
    position: int


@dataclass(frozen=True, slots=True)
class Run:
    """The scripts of one branch: neighbours in the wallet's set."""

    account_id: int
    branch: Branch
    first: int  # the place of position 0 in the set
    count: int


@dataclass(frozen=True)
class OwnedScripts:
    """All scripts of a wallet, as one set to ask the index about."""

    wanted: ScriptSet
    runs: tuple[Run, ...]

    @cached_property
    def _starts(self) -> list[int]:
        return [run.first for run in self.runs]

    def run_at(self, place: int) -> Run:
        return self.runs[bisect_right(self._starts, place) - 1]

    def where(self, place: int) -> Place:
        run = self.run_at(place)
        return Place(run.account_id, run.branch, place - run.first)

    def run(self, account_id: int, branch: Branch) -> Run:
        return next(
            run for run in self.runs if (run.account_id, run.branch) == (account_id, branch)
        )

    def find(self, script: bytes) -> Place | None:
        """What a script is to the wallet; None if it is somebody else's."""
        place = self.wanted.places.get(script)
        return None if place is None else self.where(place)

    def script(self, account_id: int, branch: Branch, position: int) -> bytes:
        """IndexError where nothing is derived that far."""
        run = self.run(account_id, branch)
        if not 0 <= position < run.count:
            raise IndexError(position)
        return self.wanted.scripts[run.first + position]

    @property
    def shape(self) -> Shape:
        return tuple((run.account_id, int(run.branch), run.count) for run in self.runs)


def shape_of(connection: Connection, wallet_id: int) -> Shape:
    """How much is derived: what tells whether scripts read before are still all."""
    rows = connection.execute(
        select(account_script.c.account_id, account_script.c.branch, func.count())
        .join(account, account.c.id == account_script.c.account_id)
        .where(account.c.wallet_id == wallet_id)
        .group_by(account_script.c.account_id, account_script.c.branch)
        .order_by(account_script.c.account_id, account_script.c.branch)
    )
    return tuple((row[0], row[1], row[2]) for row in rows)


def read_scripts(connection: Connection, shape: Shape) -> OwnedScripts:
    """All scripts of the wallet of that shape."""
    scripts = account_script.c
    runs: list[Run] = []
    for account_id, branch, count in shape:
        first = runs[-1].first + runs[-1].count if runs else 0
        runs.append(Run(account_id, Branch(branch), first, count))
    rows = connection.scalars(
        select(scripts.script)
        .where(scripts.account_id.in_({run.account_id for run in runs}))
        .order_by(scripts.account_id, scripts.branch, scripts.position)
    )
    return OwnedScripts(ScriptSet(map(bytes, rows)), tuple(runs))
