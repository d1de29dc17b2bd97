"""Deliveries on their way to the server: alone at once, many together."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.worker import Worker

from activities.notifications.courier import LOAD, Courier
from cases.delivery import Delivered, DeliverRequest
from cases.names import TASK_QUEUE_NOTIFICATIONS
from stack import LocalStack
from tests.namespaces import new_namespace

AT = datetime(2026, 8, 3, 4, 0, tzinfo=UTC)


class Taken:
    """What a worker was asked to deliver, in the order in which it came."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[str, DeliverRequest]] = asyncio.Queue()

    @activity.defn(name="deliver")
    async def deliver(self, request: DeliverRequest) -> Delivered:
        await self.asked.put((activity.info().activity_id, request))
        return Delivered()

    async def next(self) -> tuple[str, DeliverRequest]:
        async with asyncio.timeout(20):
            return await self.asked.get()


def written(number: int) -> DeliverRequest:
    return DeliverRequest(notifications=(number, -number), at=AT + timedelta(seconds=number))


async def test_one_message_leaves_at_once_and_what_is_written_meanwhile_goes_together(stack: LocalStack) -> None:
    client = await new_namespace(stack, "courier-together")
    taken, courier = Taken(), Courier(client)
    async with Worker(client, task_queue=TASK_QUEUE_NOTIFICATIONS, activities=[taken.deliver]):
        courier("together.1", written(1))
        assert await taken.next() == ("deliver:together.1", written(1))
        for number in range(2, 102):
            courier(f"together.{number}", written(number))
        activity_id, request = await taken.next()
        assert activity_id == "deliver:together.2"
        assert request.notifications == tuple(each for number in range(2, 102) for each in (number, -number))
        # Quiet hours are computed as of the last of them.
        assert request.at == written(101).at
        await courier.drain()
        assert taken.asked.empty()


async def test_draining_sends_all_that_waits_in_loads_of_bounded_size_and_afterwards_it_goes_on(
    stack: LocalStack,
) -> None:
    client = await new_namespace(stack, "courier-drained")
    taken, courier = Taken(), Courier(client)
    async with Worker(client, task_queue=TASK_QUEUE_NOTIFICATIONS, activities=[taken.deliver]):
        for number in range(1, LOAD * 2 + 2):
            courier(f"drained.{number}", written(number))
        await courier.drain()
        loads = [await taken.next() for _ in range(3)]
        assert sorted(len(request.notifications) for _, request in loads) == [2, LOAD * 2, LOAD * 2]
        courier("drained.last", written(1))
        assert await taken.next() == ("deliver:drained.last", written(1))
        await courier.drain()
