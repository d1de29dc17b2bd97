"""Messages that are due are read in the order of their index."""

from deploy.migrations.script import run_script

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
