"""Who sees the names and numbers of a case in clear is written down."""

from deploy.migrations.script import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
