"""A card that its holder never activates is cancelled, by whoever was asked to follow it up."""

from deploy.migrations.script import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
