"""One human, two records: one is kept, and what was added up can be taken apart again."""

from deploy.migrations.script import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
