"""What ends a person is known to the register, and what is owed to the dead has a payee."""

from deploy.migrations.script import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
