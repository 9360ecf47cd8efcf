"""Labels of the person who is signed in, found by the site's search box."""

from flask import url_for
from flask_babel import gettext as _
from flask_login import current_user as session_user
from sqlalchemy import select

from wallet.labels import LabelType
from webapp.accounts.context import accounts
from webapp.accounts.schema import label, wallet
from webapp.context import network
from webapp.search_words import FindingWords

LEAST_CHARACTERS = 2
MOST_FOUND = 5


def find_own_labels(text: str) -> tuple[FindingWords, ...]:
    """A few labels that hold the text; none for who is not signed in."""
    text = text.strip()
    if len(text) < LEAST_CHARACTERS or "\0" in text or not session_user.is_authenticated:
        return ()
    wanted = (
        select(label.c.type, label.c.ref, label.c.label, wallet.c.id, wallet.c.name)
        .join(wallet, wallet.c.id == label.c.wallet_id)
        .where(
            wallet.c.user_id == session_user.id,
            wallet.c.network == network().name,
            label.c.label.icontains(text, autoescape=True),
        )
        .order_by(label.c.label, label.c.ref)
        .limit(MOST_FOUND)
    )
    with accounts().read() as reading:
        rows = reading.execute(wanted).all()
    return tuple(
        FindingWords(_path(row.id, LabelType(row.type), row.ref), _("Label"), row.label, row.name)
        for row in rows
    )


def _path(wallet_id: int, kind: LabelType, ref: str) -> str:
    """Where the labelled thing is shown in its wallet."""
    if kind in (LabelType.TX, LabelType.INPUT, LabelType.OUTPUT):
        ref = ref.partition(":")[0]
    elif kind is not LabelType.ADDR:
        return url_for("wallet_history.show", wallet_id=wallet_id)
    return url_for("wallet_history.show", wallet_id=wallet_id, text=ref, _anchor="history")
