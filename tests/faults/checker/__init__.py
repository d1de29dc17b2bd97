"""One checker of the invariants I1 to I14, asked after every run of the campaign of faults.

    python -m tests.faults.checker FOLDER

It reads what a run leaves: the callers' own log of what they were answered, the receivers' ledgers, what was measured,
what the processes said, the register, and Temporal's runs with their histories. Of the product it asks only what a
machine's table allows, what a view says and how a link of the audit is hashed; everything else it reads in tables.
"""
