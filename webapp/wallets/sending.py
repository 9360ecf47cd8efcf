"""From signatures to the network: finished, checked, kept, sent once, and kept where it cannot be.

A signed draft is written down before it is sent. Sending it again is harmless: it is the same
transaction, and a node that has it already says so.
"""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection

from indexer.chain.encoding import Transaction, hash_hex
from indexer.chain.network import Network
from indexer.database import Database
from indexer.node.base import NodeError, TransactionRejectedError
from indexer.queries.transactions import find_confirmed, is_pending
from wallet.labels import MAX_LABEL, LabelRecord, LabelType
from wallet.psbt import Psbt, combine, parse_psbt
from wallet.psbt_fields import PsbtError
from wallet.psbt_finish import extract, finalise, missing
from webapp.broadcast import broadcast, broadcaster
from webapp.sentences import translate
from webapp.wallets import drafts
from webapp.wallets.drafts import Draft, DraftState
from webapp.wallets.labels import LabelError, set_label
from webapp.wallets.rejections import is_already_there, rejection_words


class SendError(Exception):
    """It was not sent. The message is shown to people; a draft that is `kept` can be retried."""

    def __init__(self, text: str, *, kept: bool = False) -> None:
        super().__init__(text)
        self.kept = kept


@dataclass(frozen=True, slots=True)
class Signed:
    """A complete transaction and the PSBT it came from."""

    psbt: bytes
    transaction: Transaction


def finish(draft: Draft, data: bytes | str, network: Network) -> Signed:
    """The transaction of a draft from a PSBT that somebody signed. Raises SendError."""
    assert draft.psbt is not None
    unsigned = parse_psbt(draft.psbt, network)
    try:
        joined = combine([unsigned, _same(parse_psbt(data, network), unsigned)])
        finished = finalise(joined)
        lacking = missing(finished)
        if lacking:
            raise SendError(_lacking_words(len(lacking), len(finished.inputs)))
        return Signed(joined.serialize(), extract(finished))
    except PsbtError as error:
        problem = f"{error.field}: {translate(error.problem)}"
        raise SendError(
            _("This PSBT cannot be used: %(problem)s.", problem=problem[:200])
        ) from error


def _same(signed: Psbt, unsigned: Psbt) -> Psbt:
    if signed.tx != unsigned.tx:
        raise SendError(_("This is the PSBT of another transaction, not of this draft."))
    return signed


def _lacking_words(count: int, total: int) -> str:
    return str(
        _("%(count)s of %(total)s inputs are not signed completely.", count=count, total=total)
    )


def keep_signed(database: Database, draft: Draft, signed: Signed) -> None:
    """Write the signed transaction down. What another tab has signed meanwhile stands."""
    with database.write() as connection:
        drafts.sign(
            connection,
            draft.id,
            signed.psbt,
            signed.transaction.serialize(),
            signed.transaction.txid,
        )


def send(database: Database, index: Connection, draft: Draft) -> bytes:
    """Send a signed draft and return its txid; harmless where it is sent already.

    Raises SendError; then the draft stays, to be tried again or given up.
    """
    if draft.raw is None or draft.txid is None:
        raise SendError(_("This draft is not signed."))
    if draft.state is not DraftState.SENT and not _is_known(index, draft.txid):
        try:
            _submit(draft.raw, replacing=draft.replaces is not None)
        except SendError as error:
            with database.write() as connection:
                drafts.note_error(connection, draft.id, str(error))
            raise
    with database.write() as connection:
        if drafts.mark_sent(connection, draft.id):
            _label(connection, draft, draft.txid)
    return draft.txid


def _is_known(index: Connection, txid: bytes) -> bool:
    return is_pending(index, txid) or find_confirmed(index, txid) is not None


def _submit(raw: bytes, *, replacing: bool) -> None:
    try:
        verdict = broadcaster().test_accept([raw])[0]
        if not verdict.allowed and not is_already_there(verdict.reason or ""):
            raise SendError(rejection_words(verdict.reason or "", replacing=replacing), kept=True)
        broadcast(raw)
    except TransactionRejectedError as error:
        in_a_block = error.code == TransactionRejectedError.IN_A_BLOCK_ALREADY
        if not in_a_block and not is_already_there(error.reason):
            raise SendError(
                rejection_words(error.reason, replacing=replacing), kept=True
            ) from error
    except NodeError as error:
        raise SendError(
            _(
                "The node cannot be reached, so it is not certain that the payment was sent. It is "
                "kept here signed: try again when the node is back. It is never paid twice."
            ),
            kept=True,
        ) from error


def _label(connection: Connection, draft: Draft, txid: bytes) -> None:
    """Keep the note, and whose the addresses are, as labels."""
    records = [(LabelType.TX, hash_hex(txid), draft.form.note)]
    records += [(LabelType.ADDR, row.to, row.label) for row in draft.form.recipients]
    for kind, ref, text in records:
        if text:
            kept = " ".join(text.split())[:MAX_LABEL]
            try:
                set_label(connection, draft.wallet_id, LabelRecord(kind, ref, kept))
            except LabelError:
                return  # the wallet has all the labels that it may have
