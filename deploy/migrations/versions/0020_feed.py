"""What happens leaves by one feed, in one gapless sequence, and by webhooks."""

from deploy.migrations.script import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
