"""What stands still is found, and its office is told once."""

from deploy.migrations.script import run_script

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
