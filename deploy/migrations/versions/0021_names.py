"""A name changes with the number, and the one before stays in the person's history."""

from deploy.migrations.script import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
