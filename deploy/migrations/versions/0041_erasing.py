"""What need not be kept is erased: legal holds, what was erased, and the audit without what it tells of a person."""

from deploy.migrations.script import run_script

revision = "0041"
down_revision = "0040"
suits = "0037"  # the table that goes was never used


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
