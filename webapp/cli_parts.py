"""What the command line's files share: examples in --help, and mistakes told in words."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from indexer.database import DatabaseError
from indexer.node.base import NodeError
from webapp.config import ConfigError

P = ParamSpec("P")

EXIT_USER_ERROR = 2


def examples(*lines: str) -> str:
    """An epilogue for --help that click does not wrap."""
    return "\b\nExamples:\n" + "\n".join("  " + line for line in lines)


def explain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """A user's mistake ends in one clear message, not in a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ConfigError, DatabaseError, NodeError) as error:
            click.echo(f"satchel: {error}", err=True)
            sys.exit(EXIT_USER_ERROR)

    return run
