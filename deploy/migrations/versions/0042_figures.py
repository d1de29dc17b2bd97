"""What came in and went out within a time is found by it."""

from deploy.migrations.script import run_script

revision = "0042"
down_revision = "0041"
suits = "0037"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
