"""What the wallet's library says of a mistake, in the reader's language."""

from flask_babel import gettext

from wallet.sentence import Sentence


def translated(error: ValueError) -> str:
    """`make messages` collects these from the errors' constructors (see the Makefile)."""
    return translate(error.args[0])


def translate(sentence: str) -> str:
    if isinstance(sentence, Sentence):
        return str(gettext(sentence.template, **sentence.values))
    return str(gettext(sentence))
