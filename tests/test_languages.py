"""Every string that a page can show exists in every language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = sorted((ROOT / "webapp/translations").glob("*/LC_MESSAGES/messages.po"))
METHODS = [("webapp/**.py", "python"), ("wallet/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "said": None,
    "DescriptorError": None,
    "ExtendedKeyError": (2,),
    "BbqrError": None,
    "PsbtError": (2,),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")


def strings_of_the_program() -> set[str]:
    """The English of each, the singular where there are two."""
    found = extract_from_dir(ROOT, METHODS, keywords=KEYWORDS)
    return {ids if isinstance(ids, str) else ids[0] for _, _, ids, _, _ in found}


def messages(path: Path) -> Iterator[Message]:
    with path.open("rb") as file:
        yield from (message for message in read_po(file, locale=path.parts[-3]) if message.id)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_language_is_complete(path: Path) -> None:
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in messages(path)}
    wanted = strings_of_the_program()
    assert len(wanted) > 400
    assert wanted - known == set(), "run `make messages` and translate what is new"
    assert known - wanted == set(), "run `make messages`: these are no longer used"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_translations_are_whole_and_keep_their_placeholders(path: Path) -> None:
    for message in messages(path):
        english = (message.id,) if isinstance(message.id, str) else message.id
        translated = (message.string,) if isinstance(message.string, str) else message.string
        assert not message.fuzzy, message.id
        for text in translated:
            assert text, message.id
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(english[-1])), text


def test_there_is_simplified_chinese() -> None:
    assert [path.parts[-3] for path in CATALOGUES] == ["zh_Hans_CN"]
