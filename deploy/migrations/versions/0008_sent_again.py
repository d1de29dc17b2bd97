"""Messages that were given up may be sent again, in a further round under the same keys."""

from deploy.migrations.script import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
