"""The way to the intake service: where it is, by whose credential, and what its refusals mean to whoever types.

A command that comes this way holds no key, and knows neither Temporal nor the register.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from activities.setting import fault_of_secret
from cardcase_client import (
    AsyncClient,
    Busy,
    ClientCredentials,
    Credentials,
    CredentialsRefused,
    Failed,
    Invalid,
    Patience,
    Refused,
    TokenFile,
    Unreachable,
)
from cardcase_client.models import FieldProblem
from cardcase_client.models import Remedy as Told
from cases.errors import Code, Remedy
from intake.commands import saying
from intake.commands.saying import Exit, Fault
from intake.remedies import remedy_here
from intake.requests import KEY_HEADER
from runtime.settings import PREFIX, Problem, Settings, read_settings

PATIENCE: Final = Patience(seconds=10.0)
"""Somebody waits: a service that is restarted, or that wants to be asked later, is asked again, and no longer."""

_LOG_IN: Final = f"Log in, and set it to the file that holds the token; a system sets {PREFIX}CLIENT_ID instead"


class CallerSettings(Settings):
    """Settings of whoever works with cases: where the intake service is, and one credential of their own."""

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """What is wrong with the credential. There is no key to be looked at, and no Temporal."""
        if known.client_id is None:
            yield from _fault("TOKEN_FILE", known.token_file, _LOG_IN)
            return
        if known.token_file is not None:
            yield Problem(f"{PREFIX}CLIENT_ID", f"is set, and so is {PREFIX}TOKEN_FILE", "Unset one of them")
        yield from _fault("CLIENT_SECRET_FILE", known.client_secret_file, "Set it to the file that holds the secret")
        if known.token_url is None:
            yield Problem(f"{PREFIX}TOKEN_URL", "is not set", "Set it to the identity provider's token endpoint")


def _fault(name: str, path: Path | None, mend: str) -> Iterator[Problem]:
    what = "is not set" if path is None else fault_of_secret(path)
    if what is not None:
        yield Problem(PREFIX + name, what, mend)


def _credentials(settings: Settings) -> Credentials:
    if settings.client_id is None:
        # That it is there was looked at.
        return TokenFile(settings.token_file or Path())
    return ClientCredentials(settings.token_url or "", settings.client_id, settings.client_secret_file or Path())


@asynccontextmanager
async def service() -> AsyncIterator[AsyncClient]:
    """The intake service, by the configuration of this process, in the name of the caller.

    Raises `ConfigurationInvalid`, and `saying.Failed` for what the service refuses or does not answer.
    """
    settings = read_settings(CallerSettings)
    try:
        async with AsyncClient(settings.intake_url, _credentials(settings), patience=PATIENCE) as client:
            yield client
    except Unreachable:
        raise saying.Failed(Exit.unavailable, [Fault.of(Code.ENGINE_UNAVAILABLE)]) from None
    except Refused as refused:
        open_already = "" if refused.case_id is None else refused.case_id
        raise saying.Failed(_exit_of(refused), _faults(refused), refused.outcome, text=open_already) from None
    except CredentialsRefused:
        if settings.client_id is None:
            raise saying.Failed(Exit.refused, [Fault.of(Code.IDENTITY_EXPIRED)]) from None
        raise saying.Failed(Exit.configuration, [Fault.of(Code.IDENTITY_INVALID)]) from None


def _exit_of(refused: Refused) -> Exit:
    if isinstance(refused, Invalid):
        return Exit.data
    if isinstance(refused, Busy) or refused.problem is None:
        return Exit.unavailable
    return Exit.internal if isinstance(refused, Failed) else Exit.refused


def _faults(refused: Refused) -> list[Fault]:
    """Every field that is wrong, or the refusal as a whole."""
    if refused.errors:
        return [Fault(each.code, _where(each), _words(each.code, each.remedy)) for each in refused.errors]
    words = refused.remedy
    if words is None:
        # Something answered that stands before the service.
        return [Fault.of(Code.ENGINE_UNAVAILABLE)]
    return [Fault(refused.code, "", _words(refused.code, words))]


def _words(code: str, told: Told) -> Remedy:
    return remedy_here(code, Remedy(told.en, told.zh))


def _where(problem: FieldProblem) -> str:
    """A field as it is named here: its names and places with dots between; a column by its heading."""
    parts = (part.replace("~1", "/").replace("~0", "~") for part in problem.pointer.split("/") if part)
    field = _KEY if problem.header == KEY_HEADER else problem.header
    return problem.column or field or ".".join(parts)


_KEY: Final = "key"
"""What is sent in a header stands in the application here."""
