"""What the answer to one request is made from."""

from dataclasses import dataclass, field

from aiorpcx import RPCError
from sqlalchemy import Connection

from indexer.chain.network import Network
from indexer.node.base import Broadcaster
from indexer.queries.headers import HeaderTree
from indexer.queries.pulse import Pulse, read_pulse
from indexer.raw import RawSource
from indexer.replica import ReadDatabase
from webapp.electrum.parameters import SERVER_BUSY

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the server keeps for all connections."""

    network: Network
    database: ReadDatabase
    raw: RawSource
    broadcaster: Broadcaster | None  # None: nothing can be sent
    headers: HeaderTree = field(default_factory=HeaderTree)


@dataclass(frozen=True, slots=True)
class Call:
    """`connection` is a read-only transaction: an answer is of one moment."""

    connection: Connection
    sources: Sources
    version: Version

    def pulse(self) -> Pulse:
        """Where the index stands. RPCError before there is anything."""
        pulse = read_pulse(self.connection)
        if pulse is None or pulse.tip_height < 0:
            raise RPCError(SERVER_BUSY, "nothing is indexed yet")
        return pulse

    def require_scripts(self) -> None:
        """RPCError while the chain is being loaded: until then nothing is found by its script."""
        pulse = self.pulse()
        if pulse.loading:
            raise RPCError(
                SERVER_BUSY,
                f"the chain is still being loaded (block {pulse.tip_height} of "
                f"{pulse.node_height or '?'}): try again later",
            )
