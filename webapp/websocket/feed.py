"""What moved since the last look, in parts of messages: read once for all connections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from indexer.chain.encoding import hash_hex
from indexer.keys import script_hash
from indexer.queries.blocks import block_heads
from indexer.queries.following import last_common_tx_id, pending_spends
from indexer.queries.headers import last_common_height
from indexer.queries.replacements import last_version
from indexer.queries.script_events import events, pending_events
from indexer.queries.transactions import find_confirmed
from webapp.api.v1_blocks import extended_block
from webapp.context import connection, required_pulse
from webapp.websocket import payloads
from webapp.websocket.payloads import Parts, write

MOST_BLOCKS: Final = 50  # told one by one; of more, only the latest
MOST_TRANSACTIONS: Final = 1000  # of one script in one look


@dataclass(frozen=True, slots=True)
class Tip:
    """`generation` grows with every change of the chain."""

    generation: int
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class TrackedScript:
    """What its readers know: unconfirmed transactions, and the tip up to which they were told."""

    pending: frozenset[bytes]
    tip: Tip


@dataclass(frozen=True, slots=True)
class TrackedTransaction:
    """What its readers know: who spends its outputs, what replaced it, where it is confirmed."""

    spends: frozenset[tuple[int, int, bytes]] = frozenset()  # vout, vin, txid
    last: bytes | None = None
    waits: bool = False
    confirmed_in: bytes | None = None


@dataclass(frozen=True, slots=True)
class ScriptNews:
    """Transactions as JSON text; of removed ones only their txid is known."""

    pending: list[str]
    confirmed: list[str]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class Question:
    """What the connections know and want, at the time of a look."""

    tip: Tip | None
    moved: frozenset[str]
    wants: frozenset[str]
    scripts: Mapping[bytes, TrackedScript]
    transactions: Mapping[bytes, TrackedTransaction]


@dataclass(slots=True)
class Update:
    """What to tell. `tip`, `scripts` and `transactions` are what is known after it."""

    tip: Tip
    blocks: list[tuple[bytes, str]] = field(
        default_factory=list
    )  # new ones: hash, JSON; lowest first
    parts: Mapping[str, Parts] = field(default_factory=dict)  # by what is wanted
    script_news: dict[bytes, ScriptNews] = field(default_factory=dict)
    transaction_news: dict[bytes, Parts] = field(default_factory=dict)
    scripts: dict[bytes, TrackedScript] = field(default_factory=dict)
    transactions: dict[bytes, TrackedTransaction] = field(default_factory=dict)


def look(question: Question) -> Update:
    """Read what moved. In an application context; may raise what reading the index raises."""
    update = Update(read_tip())
    renewed = _tell_blocks(question, update) if "blocks" in question.wants else False
    update.parts = _wanted(question, renewed=renewed)
    if not required_pulse().loading:
        _tell_scripts(question, update)
        for txid, known in question.transactions.items():
            _tell_transaction(txid, known, update)
    return update


def read_tip() -> Tip:
    pulse = required_pulse()
    return Tip(pulse.chain_generation, pulse.tip_height, pulse.tip_hash)


def read_script(script: bytes) -> TrackedScript:
    """What is known of a script to who begins to track it."""
    found = pending_events(connection(), [script_hash(script)]).get(script_hash(script), ())
    return TrackedScript(frozenset(event.txid for event in found), read_tip())


def read_transaction(txid: bytes) -> TrackedTransaction:
    """The same of a transaction."""
    database = connection()
    confirmed = find_confirmed(database, txid)
    return TrackedTransaction(
        spends=pending_spends(database, txid),
        last=last_version(database, txid),
        waits=bool(payloads.position(txid)),
        confirmed_in=None if confirmed is None else confirmed.block_hash,
    )


def _tell_blocks(question: Question, update: Update) -> bool:
    """True where the list of the latest blocks has to be sent: after a reorganisation."""
    if question.tip is None or question.tip == update.tip:
        return False
    fork = last_common_height(connection(), question.tip.height, question.tip.hash)
    count = update.tip.height - fork
    if count > MOST_BLOCKS:
        return True
    heads = block_heads(connection(), None, count) if count > 0 else ()
    update.blocks = [(head.hash, write(extended_block(head))) for head in reversed(heads)]
    return fork < question.tip.height


def _wanted(question: Question, *, renewed: bool) -> dict[str, Parts]:
    parts: dict[str, Parts] = {}
    if renewed:
        parts["blocks"] = payloads.wanted_parts(frozenset({"blocks"}))
    if not question.moved & {"tip", "mempool", "reorg"}:
        return parts
    if "stats" in question.wants:
        parts["stats"] = payloads.statistics()
        parts["stats"]["transactions"] = payloads.recent_transactions()
    if "mempool-blocks" in question.wants:
        parts["mempool-blocks"] = {"mempool-blocks": payloads.mempool_blocks()}
    return parts


def _tell_scripts(question: Question, update: Update) -> None:
    by_topic = {f"address:{hash_hex(script_hash(each))}": each for each in question.scripts}
    touched = [by_topic[topic] for topic in question.moved & by_topic.keys()]
    pending = pending_events(connection(), [script_hash(each) for each in touched])
    starts: dict[Tip, int] = {}
    for script in touched:
        known = question.scripts[script]
        if known.tip not in starts:
            starts[known.tip] = last_common_tx_id(connection(), known.tip.height, known.tip.hash)
        confirmed = [
            event.txid
            for event in events(
                connection(), script, after=starts[known.tip], limit=MOST_TRANSACTIONS
            )
        ]
        waiting = frozenset(event.txid for event in pending.get(script_hash(script), ()))
        arrived = sorted(waiting - known.pending)[:MOST_TRANSACTIONS]
        removed = known.pending - waiting - set(confirmed)
        if arrived or confirmed or removed:
            update.script_news[script] = ScriptNews(
                payloads.pending_texts(arrived),
                payloads.confirmed_texts(confirmed),
                [write({"txid": hash_hex(txid)}) for txid in sorted(removed)],
            )
        update.scripts[script] = TrackedScript(waiting, update.tip)


def _tell_transaction(txid: bytes, known: TrackedTransaction, update: Update) -> None:
    now = read_transaction(txid)
    parts: Parts = {}
    if now.confirmed_in is not None and now.confirmed_in != known.confirmed_in:
        parts["txConfirmed"] = write(hash_hex(txid))
    if now.last is not None and now.last not in {txid, known.last}:
        parts["rbfTransaction"] = write({"txid": hash_hex(now.last)})
    fresh = now.spends - known.spends
    if fresh:
        spent = {str(vout): {"vin": vin, "txid": hash_hex(by)} for vout, vin, by in sorted(fresh)}
        parts["utxoSpent"] = write(spent)
    if now.waits:
        parts |= payloads.position(txid)
        if not known.waits:
            parts["tx"] = payloads.listed(payloads.pending_texts([txid]))[1:-1]
    if parts:
        update.transaction_news[txid] = parts
    update.transactions[txid] = now
