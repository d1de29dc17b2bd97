"""What is released when a person has ended names the law by which it goes to whom it goes."""

from deploy.migrations.script import run_script

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
