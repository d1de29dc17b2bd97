"""The row of a case is written in its place: what changes with every transition stands in no index."""

from deploy.migrations.script import run_script

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
