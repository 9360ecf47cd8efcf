"""Text from the chain, made safe to read: nothing in it is invisible or moves other text."""

import unicodedata

from markupsafe import Markup, escape

CONTROL_PICTURES = 0x2400  # U+2400 SYMBOL FOR NULL and what follows picture the C0 controls
DELETE = 0x7F
SYMBOL_FOR_DELETE = "\u2421"
# Controls, format characters (bidirectional marks, zero width joiners, tags), surrogates,
# private use, unassigned, line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Drawn as nothing, although Unicode counts them among letters and marks.
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
VARIATION_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
MAX_MARKS = 2  # combining marks that may follow one another before they are spelt out


def visible_text(text: str | bytes) -> Markup:
    """Escaped text in which each hidden character shows as its picture or code point.

    Bytes are read as UTF-8; what is not UTF-8 shows as \\x and two digits.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    parts: list[Markup] = []
    plain: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if _is_hidden(character) or marks > MAX_MARKS:
            parts += [escape("".join(plain)), _picture(character)]
            plain.clear()
        else:
            plain.append(character)
    parts.append(escape("".join(plain)))
    return Markup('<bdi class="chain-text">{}</bdi>').format(Markup("").join(parts))


def _is_hidden(character: str) -> bool:
    return (
        unicodedata.category(character) in HIDDEN_CATEGORIES
        or character in BLANK_LETTERS
        or character in VARIATION_SELECTORS
    )


def _picture(character: str) -> Markup:
    point = ord(character)
    if point < 0x20:
        shown = chr(CONTROL_PICTURES + point)
    elif point == DELETE:
        shown = SYMBOL_FOR_DELETE
    else:
        shown = f"U+{point:04X}"
    return Markup('<span class="hidden-character" title="{}">{}</span>').format(
        f"U+{point:04X} {unicodedata.name(character, '')}".strip(), shown
    )
