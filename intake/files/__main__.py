"""The server that `intake.files.apart` starts: each file is read in a process of its own."""

import socket
import sys

# Loaded once, for all files.
import intake.files.batch
import intake.files.contacts
import intake.files.directory
import intake.files.preferences  # noqa: F401
from intake.files.apart import serve

if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
