"""Not to hold benefits is a decision of its own; what needs a stamp is what some role may tell."""

from deploy.migrations.script import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
