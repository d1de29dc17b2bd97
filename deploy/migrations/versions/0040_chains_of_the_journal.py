"""The journal has a chain for each office and day, and says who stood in the directory."""

from deploy.migrations.script import run_script

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
