"""A card says who blocked it and until when; losses are reported to whatever case is open."""

from deploy.migrations.script import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
