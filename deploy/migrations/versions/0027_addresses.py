"""A card that comes by post goes to an address that its applicant confirms; the bureau learns how it is delivered."""

from deploy.migrations.script import run_script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
