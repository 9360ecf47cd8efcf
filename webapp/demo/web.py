"""The demo's pages, in a process of their own that ends with the demo, however that ends."""

import os
import signal
import sys
import threading

from webapp.cli import start_logging
from webapp.commands import run_web
from webapp.config import load_settings


def main() -> None:
    """Serve pages until SIGTERM, or until whoever holds the other end of standard input is gone."""
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    settings = load_settings()
    start_logging(settings)
    run_web(settings)


def _end_with_the_demo() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
