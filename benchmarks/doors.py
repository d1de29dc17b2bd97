"""What strangers take from those who are known: a thousand requests a second of nobody, at the gate and at the service.

    python -m benchmarks.doors [SECONDS]

Servers, worker, gate and intake service of its own are started. At each of the two doors a caller who is known asks one
thing after the other, in stretches (of 8 seconds unless told otherwise) that take turns: while nobody else asks, and
while a process of its own asks a thousand times a second without being anybody: without a token, with one of another
provider, of a key that there is not, or wrongly signed, for forms and for ends of logins that nobody began. Everything
is synthetic. Exits with 1 where a goal is missed: at p95 the known caller is answered at most 50 ms later, and a
stranger costs at most 1 ms of the door's processor time.
"""

import asyncio
import base64
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from benchmarks.batches import Door, stage_in
from benchmarks.border import Figure, keep
from benchmarks.comparison.programs import Program, module, processor_seconds, program
from benchmarks.contestants.cardcase import CLERK, insured
from benchmarks.service import application_of, p95
from runtime.ending import end
from stack.identity import SERVICE_AUDIENCE
from stack.issuer import Issuer

SECONDS: Final = 8.0
ROUNDS: Final = 3
RATE: Final = 1000.0
LEAST_RATE: Final = 0.9
"""Of the rate: with fewer answers a second nothing was shown."""
PAUSE: Final = 0.02
"""Seconds between an answer to the known caller and what they ask next."""
MOST_LATER: Final = 50.0
"""Milliseconds at p95."""
MOST_OF_A_STRANGER: Final = 1.0
"""Milliseconds of the door's processor time."""

Asks = Callable[[], Awaitable[object]]


@dataclass
class Watched:
    """A door, who asks there, and what was measured."""

    name: str
    port: int
    pid: int
    asks: Asks
    requests: list[bytes]
    alone: list[float] = field(default_factory=list)
    """Milliseconds of each answer while nobody else asks."""
    beside: list[float] = field(default_factory=list)
    """The same beside the strangers."""
    processor: list[float] = field(default_factory=list)
    """Milliseconds of the door's time for a stranger; one number a round."""
    rates: list[float] = field(default_factory=list)
    """Strangers who were answered, a second."""


def request(method: str, path: str, *, token: str = "", body: bytes = b"", **headers: str) -> bytes:
    """A request as it goes over the wire."""
    said = {"Host": "door", "Content-Length": str(len(body)), "Content-Type": "application/json", **headers}
    if token:
        said["Authorization"] = f"Bearer {token}"
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def tokens_of_nobody(issuer: str, audience: str) -> dict[str, str]:
    """Tokens that are none, each refused for another reason."""
    other = Issuer(issuer, audience)
    header, _, rest = other.token(CLERK).partition(".")
    unknown = json.loads(base64.urlsafe_b64decode(header + "==")) | {"kid": "nobody's"}
    named = base64.urlsafe_b64encode(json.dumps(unknown).encode()).decode().rstrip("=")
    return {
        "wrongly signed": other.token(CLERK),
        "of a key that there is not": f"{named}.{rest}",
        "long": other.token(CLERK, note="x" * 4000),
        "no token": "x.y.z",
    }


def strangers_at_the_gate(issuer: str, audience: str, namespace: str) -> list[bytes]:
    """What the gate is asked by nobody."""
    tokens, batch = tokens_of_nobody(issuer, audience), json.dumps({"asked": [{"case": "x"}] * 50}).encode()
    of_the_ui = {"X-Namespace": namespace}
    return [
        request("POST", "/stamp", body=batch),
        *(request("POST", "/stamp", token=token, body=batch) for token in tokens.values()),
        request("POST", "/stamp/manifest", token=tokens["wrongly signed"], body=b"{" * 2000),
        request("POST", "/decode", body=b"{" * 2000, **of_the_ui),
        request("POST", "/decode", token=tokens["wrongly signed"], body=b"{" * 2000, **of_the_ui),
        request("POST", "/encode", body=batch, **of_the_ui),
        request("POST", "/encode", token=tokens["long"], body=batch, **of_the_ui),
        request("GET", "/login/done?state=a&code=guessed", Cookie=f"cardcase_login=a.b.c.9999999999.{'0' * 64}"),
        request("GET", "/nothing"),
    ]


def strangers_at_the_service(issuer: str, case: str) -> list[bytes]:
    """What the intake service is asked by nobody."""
    tokens = tokens_of_nobody(issuer, SERVICE_AUDIENCE)
    return [
        request("GET", f"/v1/cases/{case}"),
        *(request("GET", f"/v1/cases/{case}", token=token) for token in tokens.values()),
        request("POST", "/v1/cases", body=b"{" * 2000),
        *(request("POST", "/v1/cases", token=token, body=b"{" * 2000) for token in tokens.values()),
        request("GET", "/v1/feed?limit=1000"),
        request("GET", "/nothing"),
    ]


async def watched(asks: Asks, seconds: float) -> list[float]:
    """Milliseconds of each answer, one at a time for so many seconds."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        await asks()
        taken.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(PAUSE)
    return taken


async def beside_strangers(door: Watched, crowd: Program, seconds: float) -> None:
    """One stretch while strangers ask."""
    said = {"requests": [base64.b64encode(each).decode() for each in door.requests], "seconds": seconds}
    before, begun = processor_seconds(door.pid), time.perf_counter()
    asked = asyncio.create_task(crowd.ask(said))
    taken = await watched(door.asks, seconds)
    answered = await asked
    spent, lasted = processor_seconds(door.pid) - before, time.perf_counter() - begun
    wrong = {status: number for status, number in answered.items() if status not in {"200", "400", "401", "404"}}
    if wrong:
        raise RuntimeError(f"strangers were answered otherwise than refused: {wrong}")
    number = sum(answered.values())
    door.beside += taken
    door.rates.append(number / lasted)
    # What the known caller costs beside them is a fortieth of the requests, and counts as theirs.
    door.processor.append(spent * 1000 / number)


async def measure(seconds: float) -> int:
    """Measure and print. Answers the exit status."""
    person = insured(0)
    with tempfile.TemporaryDirectory() as folder:
        async with stage_in(Path(folder), [person]) as (door, pids), httpx.AsyncClient(timeout=60) as http:
            fields = application_of(person).model_dump(mode="json", exclude_none=True)
            case = str((await door.ask("POST", "/v1/cases", CLERK, json=fields))["case_id"])
            doors = _doors(door, pids, case, http)
            for each in doors:
                command = module("benchmarks.strangers", str(each.port), str(RATE))
                async with program(f"strangers {each.name}", command, Path(folder) / "logs", {}) as crowd:
                    # What is done once, by whoever is asked first, belongs to nobody.
                    await watched(each.asks, 1.0)
                    for place in range(ROUNDS):
                        if place % 2 == 0:
                            each.alone += await watched(each.asks, seconds)
                        await beside_strangers(each, crowd, seconds)
                        if place % 2:
                            each.alone += await watched(each.asks, seconds)
    return _told(doors, seconds)


def _doors(door: Door, pids: dict[str, int], case: str, http: httpx.AsyncClient) -> list[Watched]:
    fact = {"case": case, "event": "hold", "content": {"reason": "waiting_for_id_card", "evidence": "E-1"}}
    token, issuer = door.token(CLERK), door.issuer

    async def stamped() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post(f"{door.gate_url}/stamp", json={"asked": [fact]}, headers=headers)
        if "content" not in answer.json()["answered"][0]:
            raise RuntimeError(f"nothing was stamped: {answer.text}")

    async def read() -> None:
        await door.ask("GET", f"/v1/cases/{case}", CLERK)

    namespace = door.settings["TEMPORAL_NAMESPACE"]
    at_gate = strangers_at_the_gate(issuer.url, issuer.audience, namespace)
    return [
        Watched("gate", urlsplit(door.gate_url).port or 0, pids["gate"], stamped, at_gate),
        Watched(
            "service", urlsplit(door.url).port or 0, pids["service"], read, strangers_at_the_service(issuer.url, case)
        ),
    ]


def _told(doors: list[Watched], seconds: float) -> int:
    figures, short = [], False
    for door in doors:
        rate, later = min(door.rates), p95(door.beside) - p95(door.alone)
        cost = statistics.median(door.processor)
        for when, taken in (("alone", door.alone), (f"beside {rate:.0f} strangers a second", door.beside)):
            p50 = statistics.median(taken)
            print(f"{door.name} {when}: p50 {p50:.1f} ms, p95 {p95(taken):.1f} ms ({len(taken)} answers)")
        print(f"{door.name}: {cost:.2f} ms of its processor for a stranger; {MOST_OF_A_STRANGER:.0f} is allowed")
        print(f"{door.name}: answers {later:.1f} ms later at p95; {MOST_LATER:.0f} are allowed")
        if rate < RATE * LEAST_RATE:
            print(f"{door.name}: only {rate:.0f} strangers a second were answered, of {RATE:.0f}: nothing is shown")
            short = True
        figures += [
            Figure(f"the {door.name} beside {RATE:.0f} strangers a second: later at p95", " ms", MOST_LATER, later),
            Figure(f"a stranger at the {door.name}, of its processor time", " ms", MOST_OF_A_STRANGER, cost),
        ]
    if short:
        return 1
    stretches = f"{ROUNDS} stretches of {seconds:g} s alone and as many beside the strangers, in turn"
    return keep("doors", f"one known caller at each door, {stretches}", figures)


if __name__ == "__main__":
    end(asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)))
