"""Alembic's environment: runs the revisions on the connection that `deploy.migrations.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="schema_version")
context.run_migrations()
