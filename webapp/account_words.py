"""Kinds of account in words."""

from dataclasses import dataclass

from flask_babel import gettext as _

from wallet.keys import Purpose


@dataclass(frozen=True, slots=True)
class AccountWords:
    purpose: Purpose
    name: str
    text: str


def account_words(purpose: Purpose) -> AccountWords:
    name, text = {
        Purpose.P2PKH: (_("Legacy"), _("Understood by every wallet, and the dearest to spend.")),
        Purpose.P2SH_P2WPKH: (
            _("Nested SegWit"),
            _("For senders whose wallet does not know newer addresses."),
        ),
        Purpose.P2WPKH: (_("Native SegWit"), _("Cheap to spend and understood almost everywhere.")),
        Purpose.P2TR: (_("Taproot"), _("The newest kind: cheap to spend, and more private.")),
    }[purpose]
    return AccountWords(purpose, name, text)
