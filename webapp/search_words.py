"""What a search found, or why it found nothing, in the reader's words with a link each."""

from dataclasses import dataclass

from flask import url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from indexer.chain.encoding import hash_hex
from indexer.queries.search import Finding, Kind, Problem, Reason
from indexer.queries.transactions import Status
from webapp.context import network
from webapp.pages.transaction import part_path
from webapp.script_words import script_words


@dataclass(frozen=True, slots=True)
class FindingWords:
    """One thing found: what it is, its name, a note, and where it is shown."""

    href: str
    kind: str
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class ProblemWords:
    """Why nothing was found, and what may help."""

    text: str
    help: str


def finding_words(finding: Finding) -> FindingWords:
    """What was found, as a line of a list."""
    match finding.kind:
        case Kind.BLOCK | Kind.STALE_BLOCK:
            return _block(finding)
        case Kind.TRANSACTION:
            return _transaction(finding)
        case Kind.OUTPUT:
            return _output(finding)
        case Kind.DATE:
            day = str(finding.day)
            href = url_for("blocks.show_list", date=day)
            return FindingWords(href, _("Day"), day, _("blocks up to that day"))
        case Kind.ADDRESS | Kind.SCRIPT:
            return _script(finding)


def _block(finding: Finding) -> FindingWords:
    name = hash_hex(finding.block_hash or b"")
    height = _("height %(height)s", height=format_decimal(finding.height))
    stale = finding.kind is Kind.STALE_BLOCK
    kind = _("Stale block") if stale else _("Block")
    return FindingWords(url_for("blocks.show", reference=name), kind, name, height)


def _transaction(finding: Finding) -> FindingWords:
    name = hash_hex(finding.txid or b"")
    note = _status(finding)
    return FindingWords(url_for("transaction.show", txid=name), _("Transaction"), name, note)


def _output(finding: Finding) -> FindingWords:
    txid, vout = finding.txid or b"", finding.vout or 0
    text = f"{hash_hex(txid)}:{vout}"
    return FindingWords(part_path(txid, "out", vout), _("Output"), text, _status(finding))


def _script(finding: Finding) -> FindingWords:
    note = script_words(finding.script_type).name if finding.script_type else ""
    if not finding.used:
        note = f"{note}, {_('never used')}"
    if finding.address is not None:
        href = url_for("address.show", address=finding.address)
        return FindingWords(href, _("Address"), finding.address, note)
    name = hash_hex(finding.script_hash or b"")
    href = url_for("address.show_script", script_hash=name)
    return FindingWords(href, _("Script"), name, note)


def _status(finding: Finding) -> str:
    words = {
        Status.CONFIRMED: _("block %(height)s", height=format_decimal(finding.height or 0)),
        Status.PENDING: _("unconfirmed"),
        Status.REPLACED: _("replaced"),
        Status.STALE: _("reorganised out"),
    }
    return str(words[finding.status]) if finding.status else ""


def problem_words(problem: Problem) -> ProblemWords:
    """Why nothing was found, and what to try."""
    text, advice = _PROBLEMS[problem.reason](problem)
    return ProblemWords(text, advice)


def _empty(_problem: Problem) -> tuple[str, str]:
    return _("Nothing was typed."), forms()


def _too_long(problem: Problem) -> tuple[str, str]:
    return (
        ngettext(
            "That is longer than anything that can be searched: at most %(num)s character.",
            "That is longer than anything that can be searched: at most %(num)s characters.",
            problem.count or 0,
        ),
        forms(),
    )


def _unknown(_problem: Problem) -> tuple[str, str]:
    return _("That is not the form of anything on this chain."), forms()


def _hash_not_found(_problem: Problem) -> tuple[str, str]:
    return (
        _("No block, transaction or script here has this hash."),
        _(
            "If it is a transaction that was sent a moment ago, it may not have reached this node "
            "yet. If it is of another chain, it will not be found here: this is %(network)s.",
            network=network().title,
        ),
    )


def _hex_length(problem: Problem) -> tuple[str, str]:
    return (
        _(
            "A hash has 64 hexadecimal digits and a public key 66 or 130; this has %(count)s.",
            count=problem.count,
        ),
        _("Check whether the first or the last characters were lost in copying."),
    )


def _height_above_tip(problem: Problem) -> tuple[str, str]:
    return (
        _("The chain has no block at this height yet."),
        _("The latest is %(height)s.", height=format_decimal(problem.tip or 0)),
    )


def _no_such_position(problem: Problem) -> tuple[str, str]:
    return (
        _("This block has no transaction at this position."),
        _("Positions count from 0; it has %(count)s.", count=format_decimal(problem.count or 0)),
    )


def _no_such_output(problem: Problem) -> tuple[str, str]:
    return (
        _("This transaction has no output with this number."),
        _("Outputs count from 0; it has %(count)s.", count=format_decimal(problem.count or 0)),
    )


def _bad_date(_problem: Problem) -> tuple[str, str]:
    return _("There is no such day."), _("Days are written as 2009-01-03: year, month, day.")


def _date_outside(_problem: Problem) -> tuple[str, str]:
    return (
        _("The chain has no block of this day."),
        _("It is before the first block, or still to come."),
    )


def _bad_address(problem: Problem) -> tuple[str, str]:
    return (
        _("This is no valid address: %(reason)s.", reason=problem.detail),
        _("Copy it again from where it came from. Do not send to it as it is."),
    )


def _other_network(problem: Problem) -> tuple[str, str]:
    return (
        _("This is an address of another network: %(names)s.", names=", ".join(problem.networks)),
        _("This explorer shows %(network)s.", network=network().title),
    )


def _other_coin(problem: Problem) -> tuple[str, str]:
    return (
        _("This is a payment link for another coin: %(names)s.", names=problem.networks[0]),
        _("This explorer shows %(network)s.", network=network().title),
    )


def _private_key(_problem: Problem) -> tuple[str, str]:
    return (
        _("This looks like a private key."),
        _(
            "Never paste one into a web page. Whoever has seen it can take the coins: move them "
            "to a new wallet."
        ),
    )


def _extended_key(_problem: Problem) -> tuple[str, str]:
    return (
        _("This looks like an extended public key, which shows a whole wallet."),
        _("It is not searched for here. Search for one of its addresses."),
    )


def forms() -> str:
    """All that the search box takes."""
    return str(
        _(
            "Search for a block height or hash, a txid, an address, a scripthash, a public key, an "
            "output as txid:number or height×position×number, a payment link, or a day as "
            "2009-01-03."
        )
    )


_PROBLEMS = {
    Reason.EMPTY: _empty,
    Reason.TOO_LONG: _too_long,
    Reason.UNKNOWN: _unknown,
    Reason.HASH_NOT_FOUND: _hash_not_found,
    Reason.HEX_LENGTH: _hex_length,
    Reason.HEIGHT_ABOVE_TIP: _height_above_tip,
    Reason.NO_SUCH_POSITION: _no_such_position,
    Reason.NO_SUCH_OUTPUT: _no_such_output,
    Reason.BAD_DATE: _bad_date,
    Reason.DATE_OUTSIDE: _date_outside,
    Reason.BAD_ADDRESS: _bad_address,
    Reason.OTHER_NETWORK: _other_network,
    Reason.OTHER_COIN: _other_coin,
    Reason.PRIVATE_KEY: _private_key,
    Reason.EXTENDED_KEY: _extended_key,
}
