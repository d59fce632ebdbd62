"""Clients as anybody would set them up, but that they come back sooner after a loss."""

import httpx
from realtime import AsyncRealtimeClient
from realtime.types import RealtimePostgresChangesListenEvent as Event

from suite import ROUTER, Heard, afterwards, equal

SUBSCRIBED = ("SUBSCRIBED", None)


def client(path="/realtime/v1", key="anything"):
    """A client; gone when the case is over."""
    made = AsyncRealtimeClient(ROUTER + path, key, initial_backoff=0.1, max_retries=100)
    afterwards(made.close)
    return made


async def subscribe(channel):
    """Subscribes; when it is subscribed, what else becomes of it: each status, with its error."""
    statuses = await subscribing(channel)
    equal(await statuses.next(), SUBSCRIBED)
    return statuses


async def subscribing(channel):
    """Subscribes; what becomes of it."""
    statuses = Heard(f"the statuses of {channel.topic}")
    await channel.subscribe(lambda status, error: statuses.hear(status.value, error))
    return statuses


def config(**parts):
    """What a channel is made with."""
    broadcast, presence = parts.get("broadcast", {}), parts.get("presence", {"key": "", "enabled": False})
    private = parts.get("private", False)
    return {"config": {"broadcast": broadcast, "presence": presence, "private": private}}


def broadcasts(channel, event="*"):
    """What is broadcast on a channel from now on."""
    heard = Heard(f"broadcasts on {channel.topic}")
    channel.on_broadcast(event, heard.hear)
    return heard


def inserts(channel, **binding):
    """The inserts that a binding of a channel is told of."""
    heard = Heard(f"inserts on {channel.topic}")
    table = {"schema": "monitoring", "table": "monitoring_events"}
    channel.on_postgres_changes(Event.Insert, heard.hear, **{**table, **binding})
    return heard


async def post(events, **headers):
    """Posts events, one or many; their positions."""
    async with httpx.AsyncClient(headers=headers) as http:
        answer = await http.post(f"{ROUTER}/v1/events", json=events)
    equal(answer.status_code, 202)
    return answer.json()


def event(event_type, data=None, **more):
    """An event."""
    return {"event_type": event_type, "source": "suite", "data": data or {}, **more}
