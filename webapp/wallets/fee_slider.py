"""The slider of fee rates: steps that grow, over what the mempool pays at each."""

import math
from dataclasses import dataclass
from typing import Final

from indexer.queries.blocks import RateBand
from indexer.queries.mempool import Mempool
from webapp.chain_formatting import virtual_size
from webapp.fee_bands import band_label
from webapp.formatting import rate_unit
from webapp.wallets.orders import RateChoices

WIDTH: Final = 1000
HEIGHT: Final = 100
_STEPS: Final = 60
_REACH: Final = 4  # times the highest rate that matters


@dataclass(frozen=True, slots=True)
class SliderBar:
    """What the mempool holds at some rates, in a drawing of WIDTH x HEIGHT."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class FeeSlider:
    """`rates` per 1000 vbytes, ascending: the slider's positions."""

    rates: tuple[int, ...]
    bars: tuple[SliderBar, ...]
    width: int = WIDTH
    height: int = HEIGHT

    def position_of(self, rate: int) -> int:
        """The step next to a rate."""
        return min(range(len(self.rates)), key=lambda step: abs(self.rates[step] - rate))


def fee_slider(mempool: Mempool, rates: RateChoices) -> FeeSlider:
    """From what the node relays at least to well above what the mempool pays."""
    least = max(1, rates.minimum)
    bands = mempool.rates.bands if mempool.rates else ()
    top = max([rates.fast, 10 * least, *(band.low * 1000 for band in bands)]) * _REACH
    growth = math.log(top / least)
    steps = (least * math.exp(growth * step / _STEPS) for step in range(_STEPS + 1))
    return FeeSlider(tuple(dict.fromkeys(map(_rounded, steps))), tuple(_bars(bands, least, growth)))


def _rounded(rate: float) -> int:
    """Two figures, as people would type it."""
    power: int = 10 ** max(0, math.floor(math.log10(rate)) - 1)
    return round(rate / power) * power


def _bars(bands: tuple[RateBand, ...], least: int, growth: float) -> list[SliderBar]:
    def place(rate: float) -> float:
        return min(max(math.log(max(rate, 1) / least) / growth, 0.0), 1.0) * WIDTH

    highest = max((band.vsize for band in bands), default=0)
    bars = []
    for band in bands:
        start = place(band.low * 1000)
        end = WIDTH if band.high is None else place(band.high * 1000)
        height = HEIGHT * band.vsize / highest if highest else 0
        text = f"{band_label(band)} {rate_unit()}: {virtual_size(band.vsize)}"
        if band.vsize and end > start:
            bars.append(
                SliderBar(
                    round(start, 1),
                    round(HEIGHT - height, 1),
                    round(end - start, 1),
                    round(height, 1),
                    text,
                )
            )
    return bars
