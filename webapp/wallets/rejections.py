"""Why the node will not have a transaction, in the reader's words."""

from flask_babel import gettext as _

ALREADY_THERE = (
    "txn-already-in-mempool",
    "txn-already-known",
    "txn-same-nonwitness-data-in-mempool",
    "already in block chain",
    "already in utxo set",
)
CONFLICT = ("txn-mempool-conflict", "bip125-replacement-disallowed")


def is_already_there(reason: str) -> bool:
    """Whether the node refuses a transaction only because it has it."""
    return reason.lower().startswith(ALREADY_THERE) or "already in" in reason.lower()


def rejection_words(reason: str, *, replacing: bool = False) -> str:
    """A sentence for the node's reason; its own words stand behind where we have none. `replacing`:
    the transaction was meant to take the place of another one."""
    if replacing and reason.startswith(CONFLICT):
        return str(
            _(
                "This node takes no replacements, as Litecoin's nodes usually do. Give this draft "
                "up, and let a second transaction pay for the first (CPFP)."
            )
        )
    known = (
        (
            ("bad-txns-inputs-missingorspent", "missing inputs", "missing-inputs"),
            _("A coin that this payment spends was spent meanwhile. Make the payment anew."),
        ),
        (
            CONFLICT,
            _("Another unconfirmed transaction spends the same coins, and is not replaceable."),
        ),
        (
            ("insufficient fee", "replacement-failed"),
            _("The fee is too low to replace the transaction that spends the same coins."),
        ),
        (
            ("min relay fee not met", "mempool min fee not met"),
            _("The fee rate is below what the node passes on. Choose a higher one."),
        ),
        (("mempool full",), _("The node's mempool is full. Choose a higher fee rate.")),
        (("dust",), _("An amount is too small: nodes do not pass it on.")),
        (
            ("too-long-mempool-chain", "too-large-cluster"),
            _("Too many unconfirmed transactions hang together. Wait for the next block."),
        ),
        (
            ("bad-txns-premature-spend-of-coinbase",),
            _("Newly mined coins must wait for more blocks."),
        ),
        (("non-final", "non-BIP68-final"), _("The transaction is not valid yet.")),
        (
            ("mandatory-script-verify-flag", "mempool-script-verify-flag"),
            _("A signature is wrong."),
        ),
        (("replacement-adds-unconfirmed",), _("A replacement may not spend new pending coins.")),
        (
            ("too many potential replacements",),
            _("Too many unconfirmed transactions would be replaced at once."),
        ),
    )
    for starts, sentence in known:
        if reason.startswith(starts):
            return str(sentence)
    return str(_("The node refused the transaction: %(reason)s.", reason=reason[:200]))
