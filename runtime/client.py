"""The one way to connect to Temporal: address and credentials from its own configuration, the project's converter."""

from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

from runtime.converter import IN_CLEAR

DEFAULT_ADDRESS: Final = "127.0.0.1:7233"


async def connect(
    address: str | None = None, namespace: str | None = None, *, runtime: Runtime | None = None
) -> Client:
    """A client of the configured server; `address` and `namespace` override what Temporal's configuration says."""
    config = ClientConfig.load_client_connect_config()
    if address is not None:
        config["target_host"] = address
    config.setdefault("target_host", DEFAULT_ADDRESS)
    if namespace is not None:
        config["namespace"] = namespace
    return await Client.connect(**config, data_converter=IN_CLEAR, runtime=runtime)
