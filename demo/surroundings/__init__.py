"""What the demonstration stands on: the register, Temporal, the gate, the intake service, a worker, and their upkeep.

A program of its own (`python -m demo.surroundings`), so that whoever plays a part holds none of it. Keys are opened by
the worker, the service and the gate, and for a moment by `upkeep`, which has ended before anybody acts.
"""
