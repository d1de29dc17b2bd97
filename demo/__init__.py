"""The demonstration: sample registers from file to benefits unblocked, on real servers."""

import sys
from pathlib import Path

# In a clone the client has a folder of its own; here it is not installed.
sys.path.append(str(Path(__file__).parents[1] / "clients" / "python"))
