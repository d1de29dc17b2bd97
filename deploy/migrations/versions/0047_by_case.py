"""What an erased case or person is named by in the record is found by an index, where it is named at all."""

from deploy.migrations.script import run_script

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
