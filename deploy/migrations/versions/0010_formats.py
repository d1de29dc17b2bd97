"""Formats of rows that are only ever added: the journal's links, how an application came, keys of persons, requests."""

from deploy.migrations.script import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
