"""What the routes work with, and the few things that all of them do."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fastapi import Response
from pydantic import BaseModel
from temporalio.client import Client

from activities.registry.loading import TermsOf, no_terms
from activities.registry.overview import CampaignEnds, no_campaign
from activities.registry.pool import Pool
from activities.registry.reading import CaseNow, case_now
from activities.sealing import Sealer
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from cases.steps import Neighbour
from gate.gate import ManifestWanted
from intake.client import CaseClient
from intake.jobs.campaigns import Campaigns
from intake.jobs.running import Runner
from intake.persons import tell_neighbour
from intake.service.callers import Caller, Callers
from intake.service.exchange import Gates
from intake.service.watching import Watch
from intake.stamping import Stamping


class CasesOf:
    """Makes the client by which a caller's decisions are handed in. What it answers is what the register holds."""

    def __init__(
        self,
        client: Client,
        register: Pool,
        sealer: Sealer,
        gates: Gates,
        document_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._register = register
        self._sealer = sealer
        self._gates = gates
        self.document_hosts = document_hosts

    async def for_(self, caller: Caller) -> CaseClient:
        """The typed client, stamping in the name of a caller. Raises `CaseError` as `Exchange.token_for`."""
        return self.stamped_by(await self._gates.for_(caller))

    async def manifest_for(self, caller: Caller, wanted: ManifestWanted) -> str:
        """The gate's manifest for the rows of a caller's job. Raises `CaseError` as `GateAtUrl.stamp_manifest`."""
        return await (await self._gates.for_(caller)).stamp_manifest(wanted)

    def stamped_by(self, stamping: Stamping) -> CaseClient:
        """The typed client, with stamps of whatever origin."""
        return CaseClient(
            self._client,
            self._sealer,
            stamping=stamping,
            document_hosts=self.document_hosts,
            register=self._register,
        )

    async def tell_neighbour(self, neighbour: Neighbour) -> None:
        """As `intake.persons.tell_neighbour`."""
        await tell_neighbour(self._client, neighbour)


class Reach(NamedTuple):
    """What the routes work with."""

    callers: Callers
    cases: CasesOf
    pool: Pool
    sealer: Sealer
    watch: Watch
    runner: Runner
    campaigns: Campaigns
    namespace: str
    sink_hosts: frozenset[str] = frozenset()
    """Hosts, with their port where it is not 443, to which events may be sent."""
    claim_terms: TermsOf = no_terms
    """On what basis claims are suspended that arrive, and what is told of it, by region."""
    campaign_ends: CampaignEnds = no_campaign
    """The last day of the campaign, by region."""
    webhook_keys: Sequence[Mapping[str, str]] = ()
    """Public keys by which receivers check what they are sent, as entries of a JWK set."""

    async def case_of(self, caller: Caller, case: str) -> CaseNow:
        """A case, if the caller sees it. Raises `CaseError` CASE_UNKNOWN for one that they do not see as well."""
        try:
            kind, _ = read_case_id(case)
        except CaseError:
            raise CaseError(Code.CASE_UNKNOWN) from None
        now = await case_now(self.pool, case)
        if now is None or not caller.sees(kind, now.state.opening.region):
            raise CaseError(Code.CASE_UNKNOWN)
        return now


def etag(generation: int, version: int) -> str:
    """The `ETag` of a case: where it stands."""
    return f'"{generation}.{version}"'


def etag_of(now: CaseNow) -> str:
    """The same, of a case as the register holds it."""
    return etag(now.state.generation, now.state.version)


def answered(content: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as JSON. It was validated where it was made; the framework would do it again."""
    return Response(content.model_dump_json(), status, headers=headers, media_type="application/json")
