"""A client of the cardcase intake service: for back offices, banks, card bureaus and whoever else works with cases.

    credentials = ClientCredentials("https://id.example/token", "my-system", Path("/run/secrets/cardcase"))
    with Client("https://intake.example", credentials) as cases:
        receipt = cases.open_case(application)
        view = cases.wait_for(receipt.case_id)

What is sent and answered is in `cardcase_client.models`; webhooks are read by `cardcase_client.webhooks`, which needs
the extra `webhooks`.
"""

from cardcase_client.attempts import Patience
from cardcase_client.calls import FileType, Filter, Reading, etag_of
from cardcase_client.clients import AsyncClient, AsyncFeed, Client, Feed, is_closed
from cardcase_client.credentials import ClientCredentials, Credentials, TokenFile
from cardcase_client.problems import (
    Busy,
    ClientError,
    Conflict,
    CredentialsRefused,
    Failed,
    Gone,
    Invalid,
    Moved,
    NotAllowed,
    NotFound,
    NotInTime,
    Refused,
    Unreachable,
    Unreadable,
)

__all__ = [
    "AsyncClient",
    "AsyncFeed",
    "Busy",
    "Client",
    "ClientCredentials",
    "ClientError",
    "Conflict",
    "Credentials",
    "CredentialsRefused",
    "Failed",
    "Feed",
    "FileType",
    "Filter",
    "Gone",
    "Invalid",
    "Moved",
    "NotAllowed",
    "NotFound",
    "NotInTime",
    "Patience",
    "Reading",
    "Refused",
    "TokenFile",
    "Unreachable",
    "Unreadable",
    "etag_of",
    "is_closed",
]
