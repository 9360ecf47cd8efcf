"""Texts that try to become markup, requests or another reading direction, and the trap that notices
if one did."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from playwright.sync_api import Dialog, Page

from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import Miner
from tests.fixtures_site import Site
from webapp.demo import texts

PATIENCE = 30_000  # milliseconds
SETTLE = 250  # milliseconds in which what could fire would have fired

MARKUP = (
    *texts.HOSTILE_NOTES[:3],
    *texts.HOSTILE_NOTES[5:8],
    '<div hx-get="/evil" hx-trigger="load" hx-swap="outerHTML" hx-nonce="guess">',
    '<div hx-sse:connect="/evil" hx-trigger="load">',
    '<p hx-on:load="fetch(`/evil`)" hx-boost=true>',
    "<svg/onload=fetch('/evil')>",
    "<iframe src=/evil></iframe>",
    '<meta http-equiv=refresh content="0;url=/evil">',
    "<base href=/evil/>",
    "<link rel=stylesheet href=/evil>",
    "<form action=/evil><button autofocus onfocus=this.click()>",
    '</title></textarea></style><script src="/evil"></script>',
    "--><img src=/evil onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;&#60;img src=/evil&#62;",
    "<a href=javascript:alert(1)>http://127.0.0.1/evil</a>",
)
# Each with what is to be read in its place.
HIDDEN = {
    texts.HOSTILE_NOTES[3]: (
        "abcU+202Etxt.exeU+202C U+2066isolatedU+2069 U+200BzeroU+200DwidthU+FEFF"
    ),
    texts.HOSTILE_NOTES[4]: "line one␍␊line two␉␀␇␛[2Jterminal",
    "\u200fright\u200e left\u061c": "U+200FrightU+200E leftU+061C",
    "\x7f\x85\x9b31m": "␡U+0085U+009B31m",
    "\U000e0041\U000e0042tags\u2028two\u2029lines": "U+E0041U+E0042tagsU+2028twoU+2029lines",
}
AS_READ = {text: text for text in MARKUP} | HIDDEN
# What a coinbase has room for, and is read as text: no control characters.
COINBASES = [text for text in MARKUP if len(text) <= 70]
BIDI_COINBASE = "<b hx-get=/evil>\u202egnp.exe"

# What none of the texts may have become.
ALIVE = """
() => [...document.querySelectorAll(
  "img, iframe, object, embed, base, form[action*=evil], a[href*=evil], a[href^='javascript:'], " +
  "link[href*=evil], meta[http-equiv=refresh], [onerror], [onload], [onfocus], [autofocus]"
), ...[...document.querySelectorAll("*")].filter((element) =>
  [...element.attributes].some(({ name }) => name.startsWith("hx-"))
  && !element.hasAttribute("hx-nonce"))
].map((element) => element.outerHTML.slice(0, 200))
"""
RAW_CHARACTERS = r"/[\p{Cf}\p{Zl}\p{Zp}\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u"


@dataclass
class Guard:
    """The site, and every request for what the texts want to be asked for."""

    site: Site
    node: EmbeddedNode
    miner: Miner
    open_page: Callable[..., Page]
    evil: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def listen(self) -> None:
        answer = self.site.app.wsgi_app

        def listening(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"].startswith("/evil"):
                self.evil.append(environ["PATH_INFO"])
            return answer(environ, start)

        self.site.app.wsgi_app = listening  # type: ignore[method-assign, assignment]

    def open(self, path: str, *, expected: tuple[str, ...] = (), **options: Any) -> Page:
        page = self.open_page(self.site.origin + path, expected=expected, **options)
        page.on("dialog", self._on_dialog)
        return page

    def _on_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def require_inert(self, page: Page) -> None:
        page.wait_for_timeout(SETTLE)
        assert page.evaluate(ALIVE) == []
        assert not page.evaluate(f"{RAW_CHARACTERS}.test(document.body.innerText)")
        assert self.evil == []
        assert self.dialogs == []


def read(page: Page) -> list[str]:
    """The texts from the chain on a page, as a person reads them."""
    return [text.strip() for text in page.locator("main .chain-text").all_text_contents()]
