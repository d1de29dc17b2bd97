"""What Temporal remembers of the register is known by a seal that only the register can give."""

from deploy.migrations.script import run_script

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
