"""Whether a system said which clerk took an application in, who did not act themself: then two others decide."""

from deploy.migrations.script import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
