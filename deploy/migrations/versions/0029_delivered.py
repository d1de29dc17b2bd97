"""What was delivered to whom, from when the limit of an answer runs."""

from deploy.migrations.script import run_script

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
