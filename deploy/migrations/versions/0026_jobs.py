"""Jobs of the intake service: registers and batches that were handed in, row by row."""

from deploy.migrations.script import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
