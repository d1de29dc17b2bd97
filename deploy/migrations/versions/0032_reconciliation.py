"""Register and Temporal are compared, and what differed is written down once."""

from deploy.migrations.script import run_script

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
