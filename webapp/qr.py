"""QR codes as one SVG path, so that no style and no image is needed."""

from dataclasses import dataclass
from itertools import groupby

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET_ZONE = 4  # modules, as the standard asks


@dataclass(frozen=True, slots=True)
class QrDrawing:
    """Dark modules of a square of `size` x `size` modules, the quiet zone included."""

    size: int
    path: str


def draw_qr(text: str) -> QrDrawing:
    """The code of a text."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    parts = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                parts.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return QrDrawing(len(rows), "".join(parts))
