"""What a closed case is told of the world is kept: it makes no transition."""

from deploy.migrations.script import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
