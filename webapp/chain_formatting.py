"""Filters for what only chains have: virtual sizes, difficulty, coinbase text, flags, fee bands."""

from bisect import bisect_right

from flask import Flask

from indexer.chain.coinbase import coinbase_text
from indexer.keys import TxFlag
from indexer.queries.blocks import RateBand
from webapp.formatting import MINUS, byte_size, number, percent

SHADES = (2, 4, 8, 15, 30, 75, 200)  # smallest unit per vbyte, from which the next shade is used
EXACT_DIFFICULTY = 1000
PREFIXES = ("", " k", " M", " G", " T", " P", " E")


def virtual_size(vbytes: int) -> str:
    """'1.23 MvB'."""
    return byte_size(vbytes).replace("B", "vB")


def difficulty(value: float) -> str:
    """Four figures and a prefix: '141.7 T'; small ones in full."""
    if value < 1:
        return f"{value:.3g}"
    if value < EXACT_DIFFICULTY:
        return number(value, 2)
    power = 0
    while value >= EXACT_DIFFICULTY and power < len(PREFIXES) - 1:
        value /= 1000
        power += 1
    return number(value, 2 if value < 100 else 1) + PREFIXES[power]


def signed_percent(share: float) -> str:
    """A change: '+1.2 %'."""
    return ("+" if share > 0 else MINUS if share < 0 else "") + percent(abs(share))


def flag_names(flags: TxFlag) -> frozenset[str]:
    return frozenset(flag.name or "" for flag in flags)


def band_class(band: RateBand) -> str:
    """The shade of a fee band; styles/chain.css has one for each."""
    return f"band-{bisect_right(SHADES, band.low)}"


def install(app: Flask) -> None:
    app.jinja_env.filters.update(
        band_class=band_class,
        coinbase_text=coinbase_text,
        difficulty=difficulty,
        flag_names=flag_names,
        signed_percent=signed_percent,
        vsize=virtual_size,
    )
