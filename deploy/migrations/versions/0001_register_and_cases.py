"""The register of insured persons, the cases that change it, and their audit."""

from deploy.migrations.script import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
