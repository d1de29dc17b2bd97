"""The escalation ladder: what was fired, what comes next and when, for every case."""

from deploy.migrations.script import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
