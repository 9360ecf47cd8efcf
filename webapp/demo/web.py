"""The demo's pages, in a process of their own that ends with the demo, however that ends."""

import os
import signal
import threading

from webapp.commands import run_web
from webapp.config import load_settings
from webapp.logs import start_logging

STDIN = 0  # not sys.stdin, whose lock the workers would find taken when they end


def main() -> None:
    """Serve pages until SIGTERM, or until whoever holds the other end of standard input is gone."""
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    settings = load_settings()
    start_logging(settings.log_level)
    run_web(settings, demo=True)


def _end_with_the_demo() -> None:
    while os.read(STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
