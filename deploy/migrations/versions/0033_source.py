"""The register is kept up to date by its source: what the source said last is known of everything it says."""

from deploy.migrations.script import run_script

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
