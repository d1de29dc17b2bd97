"""What happens to persons beside their cases: benefits released without one, invitations to holders of old numbers."""

from deploy.migrations.script import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
