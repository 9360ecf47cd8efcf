"""A code held before the camera: Chromium is given a film of one, as its camera."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from qrcode.main import QRCode

from tests.fixtures_browser import CHROMIUM
from tests.fixtures_clients import LiveChain
from tests.test_wallet_send import funded, payee
from tests.test_wallet_send_browser import session_of

WIDTH, HEIGHT = 640, 480
MODULE = 8  # pixels
WHITE, BLACK, GREY = 235, 16, 128


def film_of(text: str, path: Path) -> None:
    """Some frames of a code, as Y4M: luma, then two planes of no colour."""
    code = QRCode(border=4)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    left, top = (WIDTH - MODULE * len(rows)) // 2, (HEIGHT - MODULE * len(rows)) // 2
    luma = bytearray([WHITE]) * (WIDTH * HEIGHT)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                for line in range(MODULE):
                    start = (top + y * MODULE + line) * WIDTH + left + x * MODULE
                    luma[start : start + MODULE] = bytes([BLACK]) * MODULE
    frame = b"FRAME\n" + luma + bytes([GREY]) * (WIDTH * HEIGHT // 2)
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode()
    path.write_bytes(header + frame * 5)


@pytest.fixture
def with_camera(browser: Browser, tmp_path: Path) -> Iterator[Callable[[str], Browser]]:
    """Another Chromium, before whose camera a text's code is held. Nobody is asked for leave."""
    opened: list[Browser] = []

    def open_(text: str) -> Browser:
        film_of(text, tmp_path / "film.y4m")
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


def test_a_payment_link_is_scanned(
    live_chain: LiveChain, with_camera: Callable[[str], Browser]
) -> None:
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
