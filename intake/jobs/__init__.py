"""Jobs: registers and batches of events that a system hands in whole, and that are opened and told row by row.

A file is read once and staged in the register, every row sealed as it will be opened or told; the gate stamps one
manifest for all rows (`cases.manifests`). From then on the register knows all that is left to do, and any service does
it: one that is killed loses nothing and doubles nothing.
"""
