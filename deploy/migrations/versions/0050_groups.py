"""Persons are counted by agency and group without reading their rows."""

from deploy.migrations.script import run_script

revision = "0050"
down_revision = "0049"
suits = "0037"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
