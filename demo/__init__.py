"""The demonstration: the sample registers from file to benefits unblocked, played through the public client."""
