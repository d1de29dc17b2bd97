"""The one way to connect to Temporal: address and credentials from its own configuration, the rest is the project's."""

from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

from activities.sealing import KeyRing
from cases.errors import CaseError, Code
from runtime.codec import PayloadSealer
from runtime.plugin import in_common
from runtime.settings import Settings

DEFAULT_ADDRESS: Final = "127.0.0.1:7233"


def payload_sealer(settings: Settings) -> PayloadSealer | None:
    """What seals the payloads of a process by its settings; None where encryption is off.

    Raises `CaseError` CONFIGURATION_INVALID where no key file is named, or it cannot be used.
    """
    if not settings.encryption:
        return None
    if settings.key_file is None:
        raise CaseError(Code.CONFIGURATION_INVALID, "key_file")
    return PayloadSealer(KeyRing.load(settings.key_file), [each.algorithm for each in settings.encryption])


async def connect(
    payloads: PayloadSealer | None,
    address: str | None = None,
    namespace: str | None = None,
    *,
    runtime: Runtime | None = None,
    identity: str | None = None,
) -> Client:
    """A client of the configured server, and the workers made with it, whose payloads are sealed by `payloads`.

    `address` and `namespace` override what Temporal's configuration says; `identity` is how its histories name the
    process. Without a sealer everything travels in clear, which only a laptop and a measurement may do.
    """
    config = ClientConfig.load_client_connect_config()
    if address is not None:
        config["target_host"] = address
    config.setdefault("target_host", DEFAULT_ADDRESS)
    if namespace is not None:
        config["namespace"] = namespace
    return await Client.connect(**config, plugins=[in_common(payloads)], runtime=runtime, identity=identity)
