"""Large registers are opened by a campaign, page by page, and staged by COPY."""

from deploy.migrations.script import run_script

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
