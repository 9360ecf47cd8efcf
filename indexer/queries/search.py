"""What a line typed into the search box may mean on this chain."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from urllib.parse import unquote

from sqlalchemy import Connection, select

from indexer.chain.address import AddressError, address_of, networks_of, script_of
from indexer.chain.encoding import hash160
from indexer.chain.network import NETWORKS, Network
from indexer.chain.script import ScriptType, classify, p2pk, p2pkh, p2sh, p2tr, p2wpkh
from indexer.keys import script_hash, script_key
from indexer.queries import nearest
from indexer.queries.pulse import Pulse
from indexer.queries.scripts import script_with_hash
from indexer.queries.transactions import (
    Status,
    find_at,
    find_confirmed,
    find_pending,
    find_replaced,
    find_stale,
)
from indexer.raw import RawSource
from indexer.schema import block, mempool_output, output, stale_block

LONGEST_QUERY = 500
MOST_DIGITS = 9  # of a height


class Kind(StrEnum):
    BLOCK = "block"
    STALE_BLOCK = "stale_block"
    TRANSACTION = "transaction"
    OUTPUT = "output"
    ADDRESS = "address"
    SCRIPT = "script"
    DATE = "date"


class Reason(StrEnum):
    """Why nothing was found."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    UNKNOWN = "unknown"  # not the form of anything that can be searched
    HASH_NOT_FOUND = "hash_not_found"
    HEX_LENGTH = "hex_length"
    HEIGHT_ABOVE_TIP = "height_above_tip"
    NO_SUCH_POSITION = "no_such_position"
    NO_SUCH_OUTPUT = "no_such_output"
    BAD_DATE = "bad_date"
    DATE_OUTSIDE = "date_outside"
    BAD_ADDRESS = "bad_address"
    OTHER_NETWORK = "other_network"
    OTHER_COIN = "other_coin"
    PRIVATE_KEY = "private_key"
    EXTENDED_KEY = "extended_key"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that exists, or a well-formed address that may yet be used (`used` False)."""

    kind: Kind
    height: int | None = None
    block_hash: bytes | None = None
    txid: bytes | None = None
    vout: int | None = None
    status: Status | None = None
    address: str | None = None
    script_hash: bytes | None = None
    script_type: ScriptType | None = None
    used: bool = True
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was found, with the particulars that help."""

    reason: Reason
    detail: str = ""  # in words, from the parser
    networks: tuple[str, ...] = ()  # titles
    tip: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    text: str
    findings: tuple[Finding, ...] = ()
    problem: Problem | None = None
    nearest: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to search. `suggesting` leaves out what costs too much for every key pressed."""

    connection: Connection
    network: Network
    pulse: Pulse
    raw: RawSource
    suggesting: bool = False


def search(scope: Scope, typed: str) -> SearchResult:
    """What the text means; at most one of findings and problem is given."""
    text = typed.strip()
    if not text:
        return SearchResult(text, problem=Problem(Reason.EMPTY))
    if len(text) > LONGEST_QUERY:
        return SearchResult(
            text[:LONGEST_QUERY], problem=Problem(Reason.TOO_LONG, count=LONGEST_QUERY)
        )
    for pattern, meaning in FORMS:
        match = pattern.fullmatch(text)
        if match is not None:
            return meaning(scope, text, match)
    return _address(scope, text)


def _height(scope: Scope, text: str, match: re.Match[str]) -> SearchResult:
    digits = re.sub(r"\D", "", match[0])
    height = int(digits) if len(digits) <= MOST_DIGITS else 10**MOST_DIGITS
    row = scope.connection.execute(select(block.c.hash).where(block.c.height == height)).first()
    if row is None:
        return _nothing(text, Reason.HEIGHT_ABOVE_TIP, tip=scope.pulse.tip_height)
    return _found(text, Finding(Kind.BLOCK, height=height, block_hash=bytes(row.hash)))


def _date(scope: Scope, text: str, match: re.Match[str]) -> SearchResult:
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return _nothing(text, Reason.BAD_DATE)
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    known = scope.connection.scalar(
        select(block.c.height)
        .where(block.c.time < midnight + 86_400)
        .order_by(block.c.time.desc())
        .limit(1)
    )
    if known is None or midnight > datetime.now(UTC).timestamp():
        return _nothing(text, Reason.DATE_OUTSIDE)
    return _found(text, Finding(Kind.DATE, day=day))


def _hash(scope: Scope, text: str, _match: re.Match[str]) -> SearchResult:
    wanted = bytes.fromhex(text)[::-1]
    findings = [*_blocks(scope, wanted), *_transactions(scope, wanted)]
    if not scope.pulse.loading:
        for each in (wanted, wanted[::-1]):  # Electrum writes a scripthash reversed
            known = script_with_hash(scope.connection, each)
            if known is not None:
                findings.append(_script(scope, known))
    if not findings:
        findings = _keys(scope, (p2tr(wanted[::-1]),))
        findings = [each for each in findings if each.used]
    if findings:
        return SearchResult(text, tuple(findings))
    if scope.suggesting:
        return _nothing(text, Reason.HASH_NOT_FOUND)
    return SearchResult(text, (), Problem(Reason.HASH_NOT_FOUND), _near_hash(scope, text))


def _blocks(scope: Scope, wanted: bytes) -> list[Finding]:
    height = scope.connection.scalar(select(block.c.height).where(block.c.hash == wanted))
    if height is not None:
        return [Finding(Kind.BLOCK, height=height, block_hash=wanted)]
    height = scope.connection.scalar(
        select(stale_block.c.height).where(stale_block.c.hash == wanted)
    )
    if height is not None:
        return [Finding(Kind.STALE_BLOCK, height=height, block_hash=wanted)]
    return []


def _transactions(scope: Scope, wanted: bytes) -> list[Finding]:
    confirmed = find_confirmed(scope.connection, wanted)
    if confirmed is not None:
        return [
            Finding(
                Kind.TRANSACTION,
                txid=wanted,
                status=Status.CONFIRMED,
                height=confirmed.height,
            )
        ]
    for look in (find_pending, find_replaced):
        if look(scope.connection, wanted, scope.network) is not None:
            status = Status.PENDING if look is find_pending else Status.REPLACED
            return [Finding(Kind.TRANSACTION, txid=wanted, status=status)]
    if scope.suggesting:
        return []
    stale = find_stale(scope.connection, wanted, scope.raw)
    if stale is None:
        return []
    return [
        Finding(Kind.TRANSACTION, txid=wanted, status=Status.STALE, height=stale.summary.height)
    ]


def _near_hash(scope: Scope, text: str) -> tuple[Finding, ...]:
    candidates = nearest.near_hashes(text.lower())
    transactions = nearest.known_transactions(scope.connection, candidates)
    blocks = nearest.known_blocks(scope.connection, candidates)
    return tuple(
        found
        for each in (*transactions, *blocks)
        for found in (*_blocks(scope, each), *_transactions(scope, each))
    )


def _other_hex(scope: Scope, text: str, _match: re.Match[str]) -> SearchResult:
    near = _near_hash(scope, text) if len(text) in {63, 65} and not scope.suggesting else ()
    return SearchResult(text, (), Problem(Reason.HEX_LENGTH, count=len(text)), near)


def _outpoint(scope: Scope, text: str, match: re.Match[str]) -> SearchResult:
    txid, vout = bytes.fromhex(match[1])[::-1], int(match[2])
    return _output(scope, text, txid, vout)


def _output(scope: Scope, text: str, txid: bytes, vout: int) -> SearchResult:
    confirmed = find_confirmed(scope.connection, txid)
    pending = None if confirmed else find_pending(scope.connection, txid, scope.network)
    summary = confirmed or (pending and pending.summary)
    if not summary:
        return _nothing(text, Reason.HASH_NOT_FOUND)
    if vout >= summary.output_count:
        return _nothing(text, Reason.NO_SUCH_OUTPUT, count=summary.output_count)
    return _found(
        text,
        Finding(Kind.OUTPUT, txid=txid, vout=vout, status=summary.status, height=summary.height),
    )


def _coordinates(scope: Scope, text: str, match: re.Match[str]) -> SearchResult:
    height, position, vout = int(match[1]), int(match[2]), int(match[3])
    if height > scope.pulse.tip_height:
        return _nothing(text, Reason.HEIGHT_ABOVE_TIP, tip=scope.pulse.tip_height)
    txid = find_at(scope.connection, height, position)
    if txid is None:
        count = scope.connection.scalar(select(block.c.tx_count).where(block.c.height == height))
        return _nothing(text, Reason.NO_SUCH_POSITION, count=count)
    return _output(scope, text, txid, vout)


def _uri(scope: Scope, text: str, match: re.Match[str]) -> SearchResult:
    """BIP21: what stands before the parameters."""
    scheme = match[1].lower()
    if scheme != scope.network.uri_scheme:
        titles = tuple(each.title for each in NETWORKS.values() if each.uri_scheme == scheme)
        return SearchResult(text, problem=Problem(Reason.OTHER_COIN, networks=titles))
    return _address(scope, unquote(match[2]))


def _public_key(scope: Scope, text: str, _match: re.Match[str]) -> SearchResult:
    key = bytes.fromhex(text)
    scripts = [p2pk(key), p2pkh(hash160(key))]
    if len(key) == 33 and scope.network.segwit:
        witness = p2wpkh(hash160(key))
        scripts += [witness, p2sh(hash160(witness))]
    if len(key) == 33 and scope.network.taproot:
        scripts.append(p2tr(key[1:]))
    findings = _keys(scope, tuple(scripts))
    return SearchResult(text, tuple(sorted(findings, key=lambda each: not each.used)))


def _keys(scope: Scope, scripts: tuple[bytes, ...]) -> list[Finding]:
    return [_script(scope, each) for each in scripts]


def _address(scope: Scope, text: str) -> SearchResult:
    try:
        wanted = script_of(text, scope.network)
    except AddressError as error:
        titles = tuple(each.title for each in networks_of(text))
        if titles:
            return SearchResult(text, problem=Problem(Reason.OTHER_NETWORK, networks=titles))
        if not ADDRESS_LIKE.fullmatch(text):
            return _nothing(text, Reason.UNKNOWN)
        near = []
        if not scope.suggesting and not scope.pulse.loading:
            near = nearest.near_addresses(scope.connection, text, scope.network)
        return SearchResult(
            text,
            (),
            Problem(Reason.BAD_ADDRESS, detail=str(error)),
            tuple(_script(scope, script_of(each, scope.network)) for each in near),
        )
    return _found(text, _script(scope, wanted))


def _script(scope: Scope, wanted: bytes) -> Finding:
    address = address_of(wanted, scope.network)
    return Finding(
        Kind.SCRIPT if address is None else Kind.ADDRESS,
        address=address,
        script_hash=script_hash(wanted),
        script_type=classify(wanted),
        used=scope.pulse.loading or is_used(scope.connection, wanted),
    )


def is_used(connection: Connection, wanted: bytes) -> bool:
    """Whether an output of the chain or the mempool pays this script, as far as its key tells."""
    key = script_key(wanted)
    return any(
        connection.scalar(select(column).where(column == key).limit(1)) is not None
        for column in (output.c.script_key, mempool_output.c.script_key)
    )


def _private_key(_scope: Scope, _text: str, _match: re.Match[str]) -> SearchResult:
    """The text is not shown again."""
    return SearchResult("", problem=Problem(Reason.PRIVATE_KEY))


def _extended_key(_scope: Scope, text: str, _match: re.Match[str]) -> SearchResult:
    return _nothing(text, Reason.EXTENDED_KEY)


def _found(text: str, finding: Finding) -> SearchResult:
    return SearchResult(text, (finding,))


def _nothing(
    text: str, reason: Reason, *, tip: int | None = None, count: int | None = None
) -> SearchResult:
    return SearchResult(text, problem=Problem(reason, tip=tip, count=count))


ADDRESS_LIKE = re.compile(r"[0-9A-Za-z]{14,120}")
Meaning = Callable[[Scope, str, re.Match[str]], SearchResult]
_SCHEMES = "|".join(sorted({each.uri_scheme for each in NETWORKS.values()}))
FORMS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].{0,20})?"), _date),
    (re.compile(r"#?\d{1,3}(?:[,_ ’']\d{3})+|#?\d{1,20}"), _height),
    (re.compile(r"(\d{1,9})\s*[x×:]\s*(\d{1,9})\s*[x×:]\s*(\d{1,9})", re.IGNORECASE), _coordinates),
    (re.compile(r"([0-9a-f]{64})\s*[:#i]\s*(\d{1,9})", re.IGNORECASE), _outpoint),
    (re.compile(r"[0-9a-f]{64}", re.IGNORECASE), _hash),
    (re.compile(r"0[23][0-9a-f]{64}|04[0-9a-f]{128}", re.IGNORECASE), _public_key),
    (re.compile(r"[0-9a-f]{40,}", re.IGNORECASE), _other_hex),
    # Extended private keys, and the wallet import format of all our networks.
    (re.compile(r"[a-zA-Z]{1,2}(?:prv|pv)[1-9A-HJ-NP-Za-km-z]{100,112}"), _private_key),
    (re.compile(r"[5679KLQTc][1-9A-HJ-NP-Za-km-z]{50,51}"), _private_key),
    (re.compile(r"[a-zA-Z]{1,2}(?:pub|ub)[1-9A-HJ-NP-Za-km-z]{100,112}"), _extended_key),
    (re.compile(rf"({_SCHEMES}):(?://)?([^?]*)(?:\?.*)?", re.IGNORECASE), _uri),
)
