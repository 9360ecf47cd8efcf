"""Run by Alembic: applies the migrations on the connection that indexer.database hands over."""

from alembic import context

from webapp.accounts.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
