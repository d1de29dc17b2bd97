"""What operators do beside decisions is written down; each role has the rights it needs and no more."""

from deploy.migrations.script import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
