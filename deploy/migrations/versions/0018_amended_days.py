"""What the dates of a case rest on; and the campaign date that comes once more, after it was moved ahead."""

from deploy.migrations.script import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
