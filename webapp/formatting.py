"""How values become text: filters of the templates, all in the reader's language and unit.

Amounts are integers in the smallest unit until they come here.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from babel.dates import format_timedelta
from flask import Flask
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape

from indexer.chain.encoding import hash_hex
from webapp.context import network
from webapp.preferences import preferences
from webapp.visible import visible_text

GROUP = 3
MINUS = "−"
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
SHORT_ENDS = 8


def amount_text(value: int, *, signed: bool = False) -> str:
    """'0.00123456 BTC' or '123456 sat', for attributes, SVG and plain text."""
    sign, whole, fraction = _amount_parts(value, signed=signed)
    return f"{sign}{whole}{'.' + fraction if fraction else ''} {amount_unit()}"


def amount_brief(value: int) -> str:
    """As amount_text, without the zeros at the end: '1.5 BTC', for axes and titles."""
    sign, whole, fraction = _amount_parts(value, signed=False)
    significant = fraction.rstrip("0")
    return f"{sign}{whole}{'.' + significant if significant else ''} {amount_unit()}"


def amount_unit() -> str:
    """The unit that the reader chose, as this network names it."""
    return network().small_unit if preferences().unit == "small" else network().unit


def amount(value: int, *, signed: bool = False, unit: bool = True) -> Markup:
    """An amount with its unit; digits in groups that are not part of the text copied."""
    sign, whole, fraction = _amount_parts(value, signed=signed)
    if fraction:
        significant = fraction.rstrip("0")
        digits = Markup('{}{}<span class="zeros">{}</span>').format(
            sign + _grouped(whole, from_right=True),
            Markup("<span{}>.</span>").format("" if significant else Markup(' class="zeros"'))
            + _grouped(significant, from_right=False),
            _grouped(fraction[len(significant) :], from_right=False, offset=len(significant)),
        )
    else:
        digits = sign + _grouped(whole, from_right=True)
    name = Markup(' <span class="unit">{}</span>').format(amount_unit()) if unit else Markup()
    return Markup('<span class="amount">{}{}</span>').format(digits, name)


def _amount_parts(value: int, *, signed: bool) -> tuple[str, str, str]:
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    if preferences().unit == "small":
        return sign, str(abs(value)), ""
    decimals = network().decimals
    whole, fraction = divmod(abs(value), 10**decimals)
    return sign, str(whole), str(fraction).zfill(decimals)


def _grouped(digits: str, *, from_right: bool, offset: int = 0) -> Markup:
    """Threes in elements of their own, parted by the style sheet; `offset` digits came before."""
    return Markup("").join(
        Markup('<span class="group">{}</span>').format(part) if index else escape(part)
        for index, part in enumerate(_threes(digits, from_right=from_right, offset=offset))
    )


def _threes(digits: str, *, from_right: bool, offset: int) -> Iterator[str]:
    first = len(digits) % GROUP if from_right else -offset % GROUP
    if offset and not first:
        yield ""
    if first:
        yield digits[:first]
    for start in range(first, len(digits), GROUP):
        yield digits[start : start + GROUP]


def fee_rate(fee: int, vsize: int, *, unit: bool = True) -> Markup:
    """A fee over a virtual size, in the smallest unit per virtual byte."""
    return _rate(Fraction(fee, vsize) if vsize else Fraction(0), unit=unit)


def fee_rate_per_kvb(rate: int, *, unit: bool = True) -> Markup:
    """A rate given per 1000 virtual bytes, as nodes give it, shown per virtual byte."""
    return _rate(Fraction(rate, 1000), unit=unit)


def _rate(rate: Fraction, *, unit: bool) -> Markup:
    hundredths = round(rate * 100)
    number = format_decimal(hundredths // 100 if hundredths >= 10_000 else hundredths / 100)
    if rate and not hundredths:
        number = "<" + format_decimal(0.01)
    name = Markup(' <span class="unit">{}</span>').format(rate_unit()) if unit else Markup()
    return Markup('<span class="rate">{}{}</span>').format(number, name)


def rate_unit() -> str:
    return f"{network().small_unit}/vB"


def number(value: int | float, digits: int | None = None) -> str:
    """A number as the reader's language writes it; `digits` fixes those after the point."""
    if digits is None:
        return str(format_decimal(value))
    return str(format_decimal(value, format=f"#,##0.{'0' * digits}" if digits else "#,##0"))


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as a percentage."""
    return number(share * 100, digits) + " %"


def byte_size(count: int) -> str:
    """A number of bytes in the largest decimal unit that leaves three digits: '1.23 MB'."""
    scaled = Fraction(count)
    unit = 0
    while scaled >= 1000 and unit < len(BYTE_UNITS) - 1:
        scaled /= 1000
        unit += 1
    digits = 0 if unit == 0 else 2 if scaled < 10 else 1 if scaled < 100 else 0
    return f"{number(float(scaled), digits)} {BYTE_UNITS[unit]}"


def full_hash(value: bytes) -> str:
    """A hash of 32 bytes as people write it."""
    return hash_hex(value)


def short_hash(value: bytes | str) -> str:
    """The two ends of a hash, address or other long word."""
    text = hash_hex(value) if isinstance(value, bytes) else value
    if len(text) <= 2 * SHORT_ENDS + 1:
        return text
    return f"{text[:SHORT_ENDS]}…{text[-SHORT_ENDS:]}"


def time_tag(seconds: int) -> Markup:
    """A moment: UTC in the page, the reader's zone once the script has run, UTC on hover."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}" data-time="moment">{} UTC</time>').format(
        _iso(moment), moment.strftime("%Y-%m-%d %H:%M:%S")
    )


def age_tag(seconds: int) -> Markup:
    """How long ago a moment was; the script keeps it right."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}" data-time="age" title="{} UTC">{}</time>').format(
        _iso(moment), moment.strftime("%Y-%m-%d %H:%M:%S"), _ago(moment)
    )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _ago(moment: datetime) -> str:
    elapsed = datetime.now(UTC) - moment
    if abs(elapsed.total_seconds()) < 1:
        return str(_("now"))
    return format_timedelta(-elapsed, add_direction=True, threshold=1.2, locale=get_locale())


def duration(seconds: int) -> str:
    """A span of time in its largest unit: '10 minutes'."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.2, locale=get_locale())


def server_time() -> int:
    """Seconds since 1970 by this machine's clock."""
    return int(time.time())


def install(app: Flask) -> None:
    # Else Jinja would apply these to constants once, for the first reader's language and unit.
    app.jinja_env.optimized = False
    app.jinja_env.filters.update(
        age=age_tag,
        amount=amount,
        amount_brief=amount_brief,
        amount_text=amount_text,
        bytes=byte_size,
        duration=duration,
        fee_rate=fee_rate,
        fee_rate_per_kvb=fee_rate_per_kvb,
        hash=full_hash,
        number=number,
        percent=percent,
        short=short_hash,
        time=time_tag,
        visible=visible_text,
    )
    app.jinja_env.globals.update(
        amount_unit=amount_unit, rate_unit=rate_unit, server_time=server_time
    )
