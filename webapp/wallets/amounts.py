"""Amounts and fee rates as people type them, read exactly."""

from fractions import Fraction
from typing import Final, Literal

from flask_babel import gettext as _

from indexer.chain.network import Network
from wallet.uri import write_amount as write_coins

Unit = Literal["coin", "small"]

MOST_DIGITS: Final = 20  # typed in one amount
RATE_DECIMALS: Final = 3  # of a rate per vbyte: the smallest step of a rate per 1000 vbytes


class TypedNumberError(ValueError):
    """What was typed is no such number. The message is shown beside the field."""


def read_amount(text: str, unit: Unit, network: Network) -> int:
    """'0.00123456' coins, or '123456' of the small unit, as an integer of the smallest unit."""
    decimals = network.decimals if unit == "coin" else 0
    name = network.unit if unit == "coin" else network.small_unit
    number = _read(text, decimals, name)
    if number <= 0:
        raise TypedNumberError(_("An amount above zero is expected."))
    return int(number * 10**decimals)


def write_amount(value: int, unit: Unit, network: Network) -> str:
    """As it would be typed: without unit, groups and needless zeros."""
    return str(value) if unit == "small" else write_coins(value, network)


def read_fee_rate(text: str, network: Network) -> int:
    """'2.5' per vbyte as an integer per 1000 vbytes."""
    number = _read(text, RATE_DECIMALS, f"{network.small_unit}/vB")
    if number <= 0:
        raise TypedNumberError(_("A fee rate above zero is expected."))
    return int(number * 1000)


def write_fee_rate(rate: int) -> str:
    """A rate per 1000 vbytes as it would be typed, per vbyte."""
    whole, fraction = divmod(rate, 1000)
    digits = str(fraction).zfill(RATE_DECIMALS).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _read(text: str, decimals: int, unit: str) -> Fraction:
    text = text.strip()
    whole, point, fraction = text.partition(".")
    if not text:
        raise TypedNumberError(_("A number is missing here."))
    if "," in text:
        raise TypedNumberError(
            _("Write “%(example)s” with a point, and without commas.", example="1234.5")
        )
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit():
        raise TypedNumberError(
            _("“%(text)s” is not a number; expected digits, as in 0.25.", text=text[:40])
        )
    if len(whole) > MOST_DIGITS:
        raise TypedNumberError(_("This number is larger than any there can be."))
    if len(fraction.rstrip("0")) > decimals:
        if not decimals:
            raise TypedNumberError(
                _("%(unit)s cannot be divided: a whole number is expected.", unit=unit)
            )
        raise TypedNumberError(
            _(
                "%(found)s decimals are too many: %(unit)s has at most %(most)s.",
                found=len(fraction),
                unit=unit,
                most=decimals,
            )
        )
    return Fraction(f"{whole or '0'}.{fraction or '0'}") if point else Fraction(whole)
