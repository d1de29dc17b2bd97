"""A register that was restored begins an epoch of its feed by itself."""

from deploy.migrations.script import run_script

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
