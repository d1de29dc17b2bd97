"""Temporal's services as processes of their own on PostgreSQL, as whoever outgrows one machine runs them.

A test bed, and no part of the product. What it runs is what `deploy/` runs: the same scripts make schema and namespace,
the same dynamic configuration and the same variables configure the services. The programs come from the server's
published module (`stack.cluster.programs`); where that or Go cannot be had there is no bed.
"""

from stack.cluster.bed import Bed
from stack.cluster.programs import Programs, ProgramsAbsent, built
from stack.cluster.services import SHARDS, Place, TemporalServices

__all__ = ["SHARDS", "Bed", "Place", "Programs", "ProgramsAbsent", "TemporalServices", "built"]
