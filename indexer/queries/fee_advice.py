"""What to pay so as to be confirmed about when one wishes, judged by the projected blocks."""

from dataclasses import dataclass

from indexer.queries.mempool import Mempool, ProjectedBlock

HALF_EMPTY = 0.5  # of a block: below it anybody gets in


@dataclass(frozen=True, slots=True)
class FeeAdvice:
    """Fee rates in the smallest unit per 1000 vbytes; none is above the one before."""

    fastest: int  # the next block
    half_hour: int  # the second or third
    hour: int
    economy: int
    minimum: int  # below it nodes do not relay


def advise(mempool: Mempool, minimum: int, max_block_weight: int) -> FeeAdvice:
    """The advice of a mempool; `minimum` is what the node relays at least."""
    rates: list[int] = []
    for number in range(3):
        block = mempool.projected[number] if number < len(mempool.projected) else None
        most = rates[-1] if rates else None
        rate = minimum if block is None else _rate(block, minimum, max_block_weight)
        rates.append(rate if most is None else min(rate, most))
    return FeeAdvice(
        fastest=rates[0],
        half_hour=rates[1],
        hour=rates[2],
        economy=min(rates[2], 2 * minimum),
        minimum=minimum,
    )


def _rate(block: ProjectedBlock, minimum: int, max_block_weight: int) -> int:
    """The block's median; less the more room it has left; the minimum where it is half empty."""
    fullness = min(1.0, block.weight / max_block_weight)
    crowded = max(0.0, (fullness - HALF_EMPTY) / (1 - HALF_EMPTY))
    return max(minimum, round(block.rates.median * crowded))
