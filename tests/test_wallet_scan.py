"""A code held before the camera: Chromium is given a film of one, as its camera."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from qrcode.main import QRCode

from tests.fixtures_browser import CHROMIUM, Axe
from tests.fixtures_clients import LiveChain
from tests.test_wallet_send import COIN, HTML, form, funded, payee, signed
from tests.test_wallet_send_browser import session_of
from tests.wallet_people import settle
from wallet.bbqr import PSBT, split
from wallet.psbt import parse_psbt

WithCamera = Callable[..., Browser]

WIDTH, HEIGHT = 640, 480
SHOWN = 6  # frames for each code, ten a second
WHITE, BLACK, GREY = 235, 16, 128


def picture_of(text: str) -> bytes:
    """A code as a frame of Y4M: luma, then two planes of no colour."""
    code = QRCode(border=4)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    module = HEIGHT // len(rows)
    left, top = (WIDTH - module * len(rows)) // 2, (HEIGHT - module * len(rows)) // 2
    luma = bytearray([WHITE]) * (WIDTH * HEIGHT)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                for line in range(module):
                    start = (top + y * module + line) * WIDTH + left + x * module
                    luma[start : start + module] = bytes([BLACK]) * module
    return b"FRAME\n" + luma + bytes([GREY]) * (WIDTH * HEIGHT // 2)


def film_of(texts: Sequence[str], path: Path) -> None:
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode()
    path.write_bytes(header + b"".join(picture_of(text) * SHOWN for text in texts))


@pytest.fixture
def with_camera(browser: Browser, tmp_path: Path) -> Iterator[WithCamera]:
    """Another Chromium, before whose camera codes are held in turn. Nobody is asked for leave."""
    opened: list[Browser] = []

    def open_(*texts: str) -> Browser:
        film_of(texts, tmp_path / "film.y4m")
        flags = [
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={tmp_path / 'film.y4m'}",
        ]
        opened.append(browser.browser_type.launch(executable_path=CHROMIUM, args=flags))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def test_a_payment_link_is_scanned(live_chain: LiveChain, with_camera: WithCamera) -> None:
    ann = funded(live_chain, "Ann")
    to = payee(live_chain)
    chromium = with_camera(f"bitcoin:{to.upper()}?amount=0.125&label=Bakery")
    page = chromium.new_context(storage_state=session_of(ann)).new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(live_chain.site.origin + ann.path("/send"))
    assert not any("scanner" in url for url in loaded)  # only once the camera is opened
    page.get_by_role("button", name="Scan a code").click()
    expect(page.locator("#to-0")).to_have_value(to)
    expect(page.locator("#amount-0")).to_have_value("0.125")
    expect(page.locator("#label-0")).to_have_value("Bakery")
    assert any("scanner" in url for url in loaded)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#preview .flow-band")).to_have_count(4)
    assert problems == []


def test_a_signed_transaction_comes_back_as_a_series_of_codes(
    live_chain: LiveChain, with_camera: WithCamera, axe: Axe
) -> None:
    eve = settle(live_chain.site, "Eve", kind="watch")
    live_chain.pay(eve.address(), COIN)
    live_chain.mine()
    draft = eve.client.post(eve.path("/drafts"), data=form(payee(live_chain)), headers=HTML)
    psbt = parse_psbt(signed(eve, draft.location), eve.network).serialize()
    codes = split(psbt, PSBT, most=300)
    assert len(codes) > 2
    page = with_camera(*codes).new_context(storage_state=session_of(eve)).new_page()
    page.goto(live_chain.site.origin + draft.location)
    expect(page.locator("[data-frame]:visible")).to_have_count(1)
    assert axe(page) == []
    page.get_by_role("button", name="Scan a code").click()
    expect(page.get_by_label("Or its text")).to_have_value(re.compile(r"^B\$2P"), timeout=20_000)
    page.get_by_role("button", name="Check and send").click()
    expect(page.get_by_text("Waiting for a block")).to_be_visible()
