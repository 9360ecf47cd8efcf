"""Alembic migrations of the account database, run by indexer.database."""
