"""Why a text is no address or payment URI here, in the reader's words."""

from flask_babel import gettext as _

from indexer.chain.address import AddressError, AddressProblem
from wallet.uri import UriError, UriProblem


def address_words(error: AddressError) -> str:
    """A sentence without its subject: what is wrong with the address."""
    networks = ", ".join(each.title for each in error.networks)
    words = {
        AddressProblem.EMPTY: _("An address is expected."),
        AddressProblem.CHARACTERS: _("This holds a character that does not occur in addresses."),
        AddressProblem.MIXED_CASE: _("This address may not mix capital and small letters."),
        AddressProblem.CHECKSUM: _(
            "The address has a wrong checksum: a character is mistyped or missing."
        ),
        AddressProblem.LENGTH: _("This address is cut short or too long."),
        AddressProblem.UNKNOWN_PREFIX: _("No network known here has addresses that start so."),
        AddressProblem.WITNESS_VERSION: _("This address is of a version that does not exist."),
        AddressProblem.OTHER_NETWORK: _(
            "This is an address of another network: %(networks)s.", networks=networks
        ),
        AddressProblem.MWEB: _("This is an MWEB address: payments to it are not made here."),
    }
    return str(words[error.reason])


def uri_words(error: UriError) -> str:
    """A sentence: what is wrong with a payment URI."""
    if error.address_error is not None:
        return address_words(error.address_error)
    words = {
        UriProblem.LENGTH: _("This is too long for a payment link."),
        UriProblem.SCHEME: _("This is no payment link."),
        UriProblem.OTHER_COIN: _(
            "This link asks for a payment in another coin: %(coin)s.", coin=error.detail
        ),
        UriProblem.ADDRESS: _("The address in this payment link is not valid."),
        UriProblem.ENCODING: _("This payment link is damaged: it is not encoded as it should be."),
        UriProblem.AMOUNT: _("The amount in this payment link cannot be used."),
        UriProblem.REPEATED: _("This payment link says “%(name)s” twice.", name=error.detail[:40]),
        UriProblem.REQUIRED: _(
            "This payment link asks for “%(name)s”, which is not known here.",
            name=error.detail[:40],
        ),
    }
    return str(words[error.reason])
