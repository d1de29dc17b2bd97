"""Commands about what is kept: what is due, what is held back, erasing it, and the certificate afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from activities.person_keys import PersonKeys
from activities.retention.erasing import By, certificate, differing, erase, erasures, replay
from activities.retention.holding import hold, holds
from activities.retention.planning import Place, Plan, places, plan
from activities.sealing import KeyRing
from cases.kinds import read_case_id
from cases.policy import Policies
from cases.retention import Kept
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Format
from intake.commands.upkeep import Needs, add_upkeep
from runtime.keys import MAKE_A_STORE, store_of
from runtime.settings import ClientSettings, ConfigurationInvalid, Problem, read_settings

_TABLE: Final = ("policy", "what", "days", "why", "legal_basis")
_DUE: Final = ("case_id", "person", "whole", "kept_by")
_HELD: Final = ("cases", "legal_basis", "actor", "at")
_RUNS: Final = ("id", "at", "actor", "persons", "cases")
_DIFFERING: Final = ("where", "what", "ref", "part", "at", "erasure")
_TOLD_EVERY: Final = 100


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("What is kept, for how long, and erasing what is due.")
    add_upkeep(group, "table", table)
    add_upkeep(group, "plan", make_plan, Needs.register)
    add_upkeep(group, "hold", place_hold, Needs.caller, Needs.register)
    add_upkeep(group, "holds", list_holds, Needs.register)
    add_upkeep(group, "run", run, Needs.caller, Needs.register, Needs.keys)
    add_upkeep(group, "certificate", show_certificate, Needs.register, Needs.keys)
    add_upkeep(group, "replay", run_replay, Needs.caller, Needs.register, Needs.keys)
    app.add_typer(group, name="retention")


async def table(invocation: Invocation) -> Exit:
    """What is kept, why, for how many days and by which law, in the newest policy of each region."""
    rows = [
        {"policy": policy.pin, **line.model_dump(mode="json")}
        for policy in Policies.load().newest
        for line in policy.retention
    ]
    invocation.say.many(rows, _TABLE)
    return Exit.fine


async def make_plan(
    invocation: Invocation,
    *,
    temporal: Annotated[bool, typer.Option("--temporal", help="Look at Temporal's retention as well.")] = False,
) -> Exit:
    """What would be erased now, and what is due and kept; nothing is changed.

    Named are cases, and persons of whom everything goes by their ref. The digest at the end is what `run` asks for.
    Counted is as well what goes by itself, and is older than it may be: then the exit code is 1.
    """
    policies, now = Policies.load(), datetime.now(UTC)
    async with upkeep.register() as pool:
        due, beside = await plan(pool, policies, now), list(await places(pool, policies, now))
    if temporal:
        beside.append(await _of_temporal(policies))
    counts, kept, rows = due.counts, dict(due.kept_by), _rows_of(due)
    ends = Exit.refused if any(place.over for place in beside) else Exit.fine
    if invocation.say.format is Format.json:
        said = [place._asdict() for place in beside]
        invocation.say.one({"plan": due.digest, **counts, "kept_by": kept, "places": said, "due": rows})
        return ends
    invocation.say.many(rows, _DUE)
    if not due.is_empty:
        invocation.say.note(
            f"到期：{counts['persons']} 人、{counts['cases']} 个案件，其中 {counts['persons_wholly']} 人全部删除；"
            f"操作记录 {counts['journal_entries']} 条。执行：starter.py retention run --plan {due.digest}",
            f"Due: {counts['cases']} cases of {counts['persons']} persons, {counts['persons_wholly']} of whom wholly;"
            f" {counts['journal_entries']} entries of the journal."
            f" To erase them: starter.py retention run --plan {due.digest}",
        )
    else:
        invocation.say.note("没有到期内容。", "Nothing is due.")
    for why, persons in sorted(kept.items()):
        invocation.say.note(f"保留：{persons} 人（{why}）。", f"Kept: {persons} persons ({why}).")
    for place in beside:
        if place.over:
            invocation.say.note(
                f"超过保存期限：{place.what}，{place.over} 项，最多 {place.days} 天。",
                f"Kept for too long: {place.what}, {place.over}; {place.days} days at most.",
            )
    return ends


async def place_hold(
    invocation: Invocation,
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case of the person whose data are held.")],
    *,
    basis: Annotated[str, typer.Option("--basis", help="The law or order that it rests on. (required)")],
    lift: Annotated[bool, typer.Option("--lift", help="Lift the hold.")] = False,
) -> Exit:
    """Hold what is of a person beyond its time, for a court, an audit or an inquiry; or lift the hold."""
    read_case_id(case)
    actor = await checked_actor()
    async with upkeep.register() as pool:
        changed = await hold(pool, case, basis, actor, lift=lift)
    invocation.say.one({"case_id": case, "held": not lift, "changed": changed})
    return Exit.fine


async def list_holds(invocation: Invocation) -> Exit:
    """Whose data are held now, and on what basis."""
    async with upkeep.register() as pool:
        invocation.say.many(await holds(pool), _HELD)
    return Exit.fine


async def run(
    invocation: Invocation,
    *,
    seen: Annotated[
        str, typer.Option("--plan", metavar="SHA256", help="The digest that the plan ended with. (required)")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal. (required)")],
) -> Exit:
    """Erase what the plan says, for good: rows, the audit's contents and salts, keys of persons.

    Needs a role that owns the schema. What somebody holds, or what moved since, is kept and counted; the exit code is 1
    then. Repeat it with a new plan where it was cut off.
    """
    by = By(await checked_actor(), reason)

    def tell(done: int, of: int) -> None:
        if done % _TOLD_EVERY == 0 or done == of:
            invocation.say.note(f"{done}/{of}", f"{done}/{of}")

    async with upkeep.register() as pool:
        done = await erase(pool, _keys(), Policies.load(), seen.lower(), by, datetime.now(UTC), tell)
    invocation.say.one(done._asdict())
    return Exit.refused if done.kept else Exit.fine


async def show_certificate(
    invocation: Invocation,
    erasure: Annotated[str | None, typer.Argument(metavar="ERASURE", help="Of one run.", show_default=False)] = None,
) -> Exit:
    """What a run erased, looked at again now; without ERASURE the runs there were.

    The exit code is 1 where anything is left. Keep it where the journal's heads are kept.
    """
    async with upkeep.register() as pool:
        if erasure is None:
            invocation.say.many(await erasures(pool), _RUNS)
            return Exit.fine
        said = await certificate(pool, _keys(), erasure)
    invocation.say.one(said._asdict())
    return Exit.refused if said.left else Exit.fine


async def run_replay(
    invocation: Invocation,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look; the exit code is 1 where anything differs.")
    ] = False,
) -> Exit:
    """Erase again what came back with an older register or an older store, before anything works with it."""
    actor = None if dry_run else await checked_actor()
    async with upkeep.register() as pool:
        found = await (differing(pool, _keys()) if actor is None else replay(pool, _keys(), Policies.load(), actor))
    rows = [{"where": where, **each._asdict()} for where, some in found._asdict().items() for each in some]
    invocation.say.many(rows, _DIFFERING)
    return Exit.refused if dry_run and rows else Exit.fine


async def _of_temporal(policies: Policies) -> Place:
    """Whether the namespace keeps histories of closed cases for longer than it may."""
    days = policies.kept_everywhere(Kept.temporal)
    async with upkeep.engine() as client:
        asked = DescribeNamespaceRequest(namespace=client.namespace)
        described = await client.workflow_service.describe_namespace(asked)
    kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
    return Place(Kept.temporal, days, None, int(kept > timedelta(days=days)))


def _rows_of(planned: Plan) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for each in (*planned.due, *planned.kept):
        said = {"person": each.person, "whole": each.whole, "kept_by": each.kept_by}
        rows += [{"case_id": case, **said} for case in each.cases or (None,)]
    return rows


def _keys() -> PersonKeys:
    """The store of persons' keys, by the configuration of this process. Raises `ConfigurationInvalid`."""
    settings = read_settings(ClientSettings)
    if settings.person_keys is None:
        raise ConfigurationInvalid([Problem("CARDCASE_PERSON_KEYS", "is not set", MAKE_A_STORE)])
    return store_of(KeyRing.load(settings.key_file), settings.person_keys)
