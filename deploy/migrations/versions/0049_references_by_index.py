"""Whether a reference is taken is asked of its index, however small the table was when that was planned."""

from deploy.migrations.script import run_script

revision = "0049"
down_revision = "0048"
suits = "0037"  # a function of the register, written anew


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
