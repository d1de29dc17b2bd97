"""`python -m demo.surroundings [SINK ...]`: all that the demonstration stands on, until it is told to stop.

Says in lines of JSON what was opened, that it is ready, and what ended by itself (`demo.stage.Said`). A sink is a host
where webhooks are received. Ends with 0, or with 69 where something could not be started or went away.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from shlex import quote
from typing import Final

from demo.stage import Opened, Said, data_dir
from demo.surroundings.servers import (
    STAMP_TRUST_FILE,
    TOKENS,
    Providers,
    Servers,
    Worker,
    desk,
    first_to_end,
    providers,
    servers,
    upkeep,
    worker,
)
from runtime.ending import end
from stack import StackError
from stack.operators import SECRETS

_UNAVAILABLE: Final = 69


async def run(environment: Mapping[str, str], sinks: Sequence[str]) -> None:
    """Everything, until something ends by itself. Raises StackError with what could not be started."""
    folder = data_dir(environment)
    async with AsyncExitStack() as until_then:
        # It ends with what it has to do, before anybody acts.
        async with upkeep(environment, folder) as keeping:
            started = await until_then.enter_async_context(servers(environment, folder))
            messages = await until_then.enter_async_context(providers(folder))
            await keeping.keep_up(started)
        async with (
            desk(environment, folder, started, sinks) as running,
            worker({**messages.settings, **environment}, folder, running) as one_worker,
        ):
            # All programs get ready at the same time, outsiders too as soon as there is somebody whom they can call.
            await running.opened_desk.ready()
            _say(Said(opened=_opened(running, messages, one_worker, _settings_of_upkeep(running, folder))))
            await one_worker.ready(running)
            _say(Said(ready=True))
            _say(Said(ended=await first_to_end(running, one_worker)))


def _settings_of_upkeep(running: Servers, folder: Path) -> Path:
    """What commands of upkeep need to reach the register and Temporal, for a shell: only its owner reads it."""
    desk = running.opened_desk
    settings = running.settings() | {
        STAMP_TRUST_FILE: str(running.keys.stamp_trust),
        "CARDCASE_IDENTITY_ISSUER": desk.provider.issuer.url,
        "CARDCASE_IDENTITY_KEYS": desk.provider.jwks_url,
        "CARDCASE_GATE_URL": desk.codec_url,
    }
    path = folder / "upkeep.env"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"export {name}={quote(value)}\n" for name, value in settings.items()), encoding="utf-8")
    return path


def _opened(running: Servers, messages: Providers, one_worker: Worker, upkeep_settings: Path) -> Opened:
    desk = running.opened_desk
    return Opened(
        intake_url=desk.intake_url,
        token_url=desk.provider.token_url,
        codec_url=desk.codec_url,
        desk_url=desk.desk_url,
        ui_url=running.ui_url,
        namespace=running.namespace,
        tray_url=messages.tray_url,
        operators=tuple(desk.provider.operators),
        tokens=desk.folder / TOKENS,
        credentials=desk.folder / SECRETS,
        worker_log=one_worker.log_file,
        upkeep=upkeep_settings,
    )


def _say(said: Said) -> None:
    sys.stdout.write(f"{said.model_dump_json()}\n")
    sys.stdout.flush()


async def _until_told_to_stop(environment: Mapping[str, str], sinks: Sequence[str]) -> int:
    running = asyncio.create_task(run(environment, sinks))
    stopping: list[int] = []

    def stop() -> None:
        # Told twice it ends in the same order.
        if not stopping:
            running.cancel()
        stopping.append(signal.SIGTERM)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        await running
    except asyncio.CancelledError:
        return 0
    except StackError as error:
        _say(Said(ended=str(error)))
    return _UNAVAILABLE


if __name__ == "__main__":
    end(asyncio.run(_until_told_to_stop(dict(os.environ), sys.argv[1:])))
