"""Log lines: time and zone, on standard error, and nothing private in them."""

import logging
import re
import sys
from typing import Final

# Extended keys are 111 characters of base58; nothing else we ever say is as long.
EXTENDED_KEY: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{100,}")


class DiscreetFormatter(logging.Formatter):
    """Takes extended keys out of what is said, be it a traceback or a database's own words."""

    def format(self, record: logging.LogRecord) -> str:
        return EXTENDED_KEY.sub("[extended key]", super().format(record))


def start_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        DiscreetFormatter(
            "%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel("WARNING")
