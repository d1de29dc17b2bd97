"""Kinds of case are rows: a further kind comes with a migration of its own that adds its row."""

from deploy.migrations.script import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
