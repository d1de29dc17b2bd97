"""A card that nobody may have turns up, and is destroyed by two people."""

from deploy.migrations.script import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
