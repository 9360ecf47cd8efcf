"""The HTTP server: gunicorn's threaded workers inside our own command."""

import gc
import os
import resource
import socket
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from webapp.config import ConfigError, Settings
from webapp.context import EXTENSION

THREADS = 128  # per process; a live stream holds one, see app.MAX_READERS
MAX_PROCESSES = 4
MAX_DESCRIPTORS = 65_536
GRACE_SECONDS = 2


class LiveWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that ends its live streams when told to stop, instead of waiting for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Later, in the worker's own loop: a signal handler must not take locks.
        self.method_queue.defer(self.wsgi.extensions[EXTENSION].live.close)
        super().handle_exit(sig, frame)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn configured by code: no configuration file, no control socket."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self.application = app
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.application


def serve(app: Flask, *, host: str, port: int, processes: int | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; to be called in a process's main thread."""
    _allow_many_connections()
    bracketed = f"[{host}]" if ":" in host else host
    options = {
        "bind": f"{bracketed}:{port}",
        "workers": processes or min(os.cpu_count() or 1, MAX_PROCESSES),
        "threads": THREADS,
        "worker_class": LiveWorker,
        "graceful_timeout": GRACE_SECONDS,
        "timeout": 60,
        "keepalive": 5,
        "loglevel": "warning",
        "control_socket_disable": True,
        "proc_name": "satchel",
    }
    gc.freeze()  # workers share what is loaded by now, and need not take it apart when they end
    Server(app, options).run()


def require_free_address(settings: Settings) -> None:
    """Say in words, and at once, what gunicorn would try five times and then give up."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            pass
    except OSError as error:
        raise ConfigError(
            f"host, port: found {settings.host}:{settings.port}, which cannot be used "
            f"({error.strerror}); expected an address of this machine and a free port, "
            f"for example --port {settings.port + 1}"
        ) from error


def _allow_many_connections() -> None:
    """As many open sockets as the system lets us have: each WebSocket is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MAX_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
