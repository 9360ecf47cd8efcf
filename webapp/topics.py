"""What can be watched, and the moments between which it moves."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from indexer.queries.pulse import Pulse

KINDS = ("tip", "mempool", "reorg", "status")
NAMED_KINDS = ("tx", "address", "wallet")  # tx:<txid>, address:<scripthash> and wallet:<id>
WALLET = "wallet:"  # its owner's alone
CHAIN_KINDS = frozenset({"tip", "mempool", "reorg"})  # any of them may concern a named topic
MAX_TOPICS = 8  # of one reader
HASH_HEX_DIGITS = 64
MAX_ID_DIGITS = 18


class TopicError(ValueError):
    """A topic that does not exist. The message is shown to people."""


def parse_topics(text: str) -> frozenset[str]:
    """'tip,tx:<txid>' -> its topics. Raises TopicError."""
    topics = frozenset(filter(None, text.split(",")))
    if len(topics) > MAX_TOPICS:
        raise TopicError(f"{len(topics)} topics were asked for; at most {MAX_TOPICS} are possible.")
    for topic in topics:
        kind, _, name = topic.partition(":")
        is_name = _is_number if kind == "wallet" else _is_hash
        if topic not in KINDS and (kind not in NAMED_KINDS or not is_name(name)):
            raise TopicError(
                f"There is no topic “{topic[:80]}”: expected tip, reorg, mempool, status, "
                "tx:<txid> or address:<scripthash>."
            )
    return topics


def wallet_topic(wallet_id: int) -> str:
    return f"{WALLET}{wallet_id}"


def watched_wallets(topics: Iterable[str]) -> frozenset[int]:
    """Ids of the wallets among these topics."""
    return frozenset(
        int(topic.removeprefix(WALLET)) for topic in topics if topic.startswith(WALLET)
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS


def _is_hash(text: str) -> bool:
    return len(text) == HASH_HEX_DIGITS and all(c in "0123456789abcdef" for c in text)


@dataclass(frozen=True, slots=True)
class Moment:
    """What readers are told changes of. Its text is the id that streams resume from."""

    chain: int = 0
    mempool: int = 0
    reorg: int = 0
    status: str = ""

    @classmethod
    def of(cls, pulse: Pulse | None) -> "Moment":
        if pulse is None:
            return cls()
        told = (
            pulse.phase,
            round(pulse.progress, 2),
            pulse.node_error,
            pulse.behind > 1,
            pulse.stopped,
        )
        status = sha256(repr(told).encode()).hexdigest()[:8]
        reorg = pulse.last_reorg_at or 0
        return cls(pulse.chain_generation, pulse.mempool_generation, reorg, status)

    def __str__(self) -> str:
        return f"{self.chain}-{self.mempool}-{self.reorg}-{self.status}"

    def changes_since(self, earlier: str) -> frozenset[str]:
        """The kinds of topics that moved after the moment with this id; all if it is no id."""
        parts = earlier.split("-")
        mine = str(self).split("-")
        if len(parts) != len(mine):
            return frozenset(KINDS)
        return frozenset(
            kind for kind, old, new in zip(KINDS, parts, mine, strict=True) if old != new
        )


def due_topics(topics: Iterable[str], changes: frozenset[str]) -> frozenset[str]:
    """Topics to tell to a reader who was away: for named ones any movement may concern them."""
    moved = bool(changes & CHAIN_KINDS)
    return frozenset(topic for topic in topics if topic in changes or (":" in topic and moved))
