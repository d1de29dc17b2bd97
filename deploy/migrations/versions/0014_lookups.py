"""Looks for a case by personal number, and at its numbers in clear by systems, are entries of the journal."""

from deploy.migrations.script import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
