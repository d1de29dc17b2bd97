"""`cardcase`: this engine. Its worker is `worker.py` as in production, its client the typed client for programs."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import worker as production
from activities.notifications import notifications
from activities.registry.loading import Claim, Contribution, InsuredPerson
from activities.sealing import KeyRing, Sealer
from cases.clocks import SHANGHAI
from cases.documents import DocumentKind
from cases.facts import VerifyDocuments
from cases.models import Actor, Role
from cases.names import Kind
from cases.numbers import derive
from cases.policy import PACKS, Policies, load
from gate.stamp_keys import SigningKey
from intake.applications import ApplicationDocument, NumberChangeApplication
from intake.client import CaseClient
from runtime.client import connect
from runtime.codec import PayloadSealer
from stack.issuer import Everybody, Issuer

REGION: Final = "440103"
"""Where nobody is waited for between verification and end."""
CLERK: Final = Actor(id="clerk-1", role=Role.clerk, office=REGION)
VERIFIER: Final = Actor(id="clerk-2", role=Role.clerk, office=REGION)
ID_CARD: Final = ApplicationDocument(
    kind=DocumentKind.resident_id_card, uri="doc://sample/1", media_type="image/png", size=4096, sha256="1" * 64
)


def insured(person: int) -> InsuredPerson:
    """A synthetic person with an old number, a suspended claim, and a phone."""
    day, rest = person % 28 + 1, person // 28
    month, rest = rest % 12 + 1, rest // 12
    return InsuredPerson(
        personal_number=f"B{person:07}",
        source_version=1,
        name=f"合成人{person}",
        # Fifteen digits: the division, a birth date of the years 1900 to 1929, a sequence.
        number=f"{REGION}{rest % 30:02}{month:02}{day:02}{100 + rest // 30 % 800:03}",
        phone=f"100{person:08}",
        region=REGION,
        claims=(Claim(reference="claim-1", amount_fen=120_00, suspended_for="id_number"),),
        contributions=(Contribution(month="2026-01", amount_fen=500_00),),
    )


class _KnownByNow(Issuer):
    """An identity provider whose tokens are kept: nobody logs in anew for every message."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Actor, str] = {}

    def token(self, actor: Actor, **more: Any) -> str:
        if actor not in self._kept:
            self._kept[actor] = super().token(actor, **more)
        return self._kept[actor]


class CardcaseClient:
    """Opens, tells, waits."""

    def __init__(self, agency: CaseClient) -> None:
        self._agency = agency

    async def open(self, person: int) -> str:
        """See `Client`."""
        who = insured(person)
        application = NumberChangeApplication(
            kind=Kind.id_number_change,
            personal_number=who.personal_number,
            name=who.name,
            new_number=derive(who.number or ""),
            region=REGION,
            submitter=CLERK,
            documents=(ID_CARD,),
        )
        return (await self._agency.open(application)).case_id

    async def finish(self, case: str) -> None:
        """See `Client`."""
        await self._agency.tell(case, VerifyDocuments(actor=VERIFIER, original_seen=True, copies=(ID_CARD.sha256,)))
        await self._agency.wait(case)


@asynccontextmanager
async def _client() -> AsyncIterator[CardcaseClient]:
    keys = KeyRing.load(Path(os.environ["CARDCASE_KEY_FILE"]))
    engine = await connect(PayloadSealer(keys))
    issuer = _KnownByNow()
    gate = issuer.gate(SigningKey.load(Path(os.environ["CARDCASE_STAMP_KEY_FILE"])), engine.namespace)
    yield CardcaseClient(CaseClient(engine, Sealer(keys), stamping=Everybody(issuer, gate)))


def client() -> AbstractAsyncContextManager[CardcaseClient]:
    """The client."""
    return _client()


def _quiet_policies() -> Policies:
    """The policy packs of the release with a campaign that goes on and office hours half a day away."""
    now = datetime.now(SHANGHAI)
    opens = (now.hour + 12) % 23
    return Policies(
        pack.model_copy(
            update={
                "ladder": pack.ladder.model_copy(update={"opens": time(opens), "closes": time(opens + 1)}),
                "campaign": pack.campaign.model_copy(update={"ends": now.date() + timedelta(days=300)}),
            }
        )
        for pack in map(load, sorted(PACKS.glob("*.toml")))
    )


def worker() -> None:
    """Run `worker.py` as by day, whatever the hour: nobody has to be left in peace, and no rung fires by chance."""
    with (
        patch.object(notifications, "quiet_until", lambda _at: None),
        patch.object(Policies, "load", _quiet_policies),
    ):
        status = production.main()
    if status != 0:
        raise SystemExit(status)
