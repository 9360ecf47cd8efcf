"""Fee bands in words and as a chart."""

from flask_babel import gettext as _

from indexer.queries.blocks import FeeRates, RateBand
from webapp.chain_formatting import virtual_size
from webapp.charts import Drawing, Item, bar_chart
from webapp.formatting import rate_unit


def band_label(band: RateBand) -> str:
    """'5–6', '<1' or '≥1000'."""
    if band.high is None:
        return f"≥{band.low}"
    return f"{band.low}–{band.high}" if band.low else f"<{band.high}"


def fee_chart(rates: FeeRates | None) -> Drawing | None:
    """Virtual size by what it pays; None where nothing pays."""
    if rates is None:
        return None
    return bar_chart(
        _("Virtual size by fee rate"),
        [Item(f"{band_label(band)} {rate_unit()}", band.vsize) for band in rates.bands],
        columns=(_("Fee rate"), _("Virtual size")),
        show=lambda size: virtual_size(round(size)),
        x_labels=[band_label(band) for band in rates.bands],
    )
