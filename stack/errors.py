"""What can go wrong with the local stack."""


class StackError(RuntimeError):
    """The local stack cannot do what was asked; the message says what to do about it."""


class DataDirectoryInUse(StackError):
    """Another process runs a server on this data directory."""


class ServerNotStarted(StackError):
    """A server ended while it started, or was not ready in time; the message ends with the last lines of its log."""
