"""A message that fails is left in peace for itself, and holds up its own case alone."""

from deploy.migrations.script import run_script

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
