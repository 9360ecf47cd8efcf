"""Apps for tests: what they write stays in the test's own directory."""

from flask import Flask

from indexer.database import Database
from indexer.node.base import Node
from webapp.accounts.database import open_accounts
from webapp.app import create_app
from webapp.config import Settings


def app_for(
    settings: Settings, database: Database, node: Node | None = None, *, demo: bool = False
) -> Flask:
    """The site of an index, with accounts in the settings' directory or else beside the index."""
    if "data_directory" not in settings.model_fields_set:
        assert database.path is not None
        settings = settings.model_copy(update={"data_directory": database.path.parent})
    return create_app(settings, database, open_accounts(settings), node, demo=demo)
