"""Alembic migrations of an index database, run by indexer.database."""
