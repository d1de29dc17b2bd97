"""What stands beside the chains is told to the journal, and days of the journal go when they are too old."""

from deploy.migrations.script import run_script

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
