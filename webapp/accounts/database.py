"""Opening the account database: what belongs to people, for all networks of this install."""

from pathlib import Path

from indexer.database import Database, Tables
from webapp.config import Settings, make_data_directory

ACCOUNTS = Tables(
    Path(__file__).parent / "migrations",
    "`satchel web` or `satchel user add`",
    foreign_keys=True,
)
SCHEMA = "satchel_accounts"  # on PostgreSQL, so that one server may hold indexes beside it


def open_accounts(settings: Settings) -> Database:
    """The account database, its tables made or brought up to date.

    Raises DatabaseError, and ConfigError where data_directory cannot be written to.
    """
    make_data_directory(settings)
    database = Database.open(settings.accounts_database, schema=SCHEMA, tables=ACCOUNTS)
    _keep_private(database)
    database.upgrade()
    return database


def _keep_private(database: Database) -> None:
    """Nobody else on this machine reads the file; SQLite gives its companions the same mode."""
    if database.path is not None:
        database.path.touch(mode=0o600)
        database.path.chmod(0o600)
