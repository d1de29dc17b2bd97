"""Messages are sent in order for each case, and what has been overtaken is not sent."""

from deploy.migrations.script import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
