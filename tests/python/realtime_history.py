"""What the Python client missed and asks for again: broadcasts, events, and rows over a restart."""

import asyncio

import httpx

from realtime_clients import SUBSCRIBED, broadcasts, client, config, event, inserts, post, subscribe
from suite import ROUTER, Heard, ask, case, equal, run

TOPIC = "monitoring"


async def get(path):
    """What a route of the router answers."""
    async with httpx.AsyncClient() as http:
        return (await http.get(ROUTER + path)).json()


async def store(count):
    """Posts so many events; as they are stored."""
    first = (await post([event(f"n{n}", {"n": n}) for n in range(count)]))["first_seq"]
    return (await get(f"/v1/events?after={first - 1}&limit={count}"))["events"]


async def publish(events):
    """Broadcasts events as the router's own adapter does."""
    messages = [{"topic": TOPIC, "event": one["event_type"], "payload": one} for one in events]
    async with httpx.AsyncClient(headers={"apikey": "anything"}) as http:
        answer = await http.post(f"{ROUTER}/realtime/v1/api/broadcast", json={"messages": messages})
    equal(answer.status_code, 202)


def seqs(events):
    return [one["seq"] for one in events]


async def heard_seqs(heard, count):
    return [found["payload"]["seq"] for found in await heard.take(count)]


@case
async def private():
    """a private channel and a public one of the same name have nothing in common"""
    public, private = [client().channel("both", config(private=private)) for private in [False, True]]
    unheard, heard = broadcasts(public), broadcasts(private)
    for channel in [public, private]:
        await subscribe(channel)
    sender = client().channel("both", config(private=True))
    await subscribe(sender)
    await sender.send_broadcast("said", {"n": 1})
    await sender.http_send("said", {"n": 2})
    equal([found["payload"]["n"] for found in await heard.take(2)], [1, 2])
    await client().channel("both").http_send("end", {})
    equal([found["event"] for found in await unheard.take(1)], ["end"])
    equal([*unheard.rest(), *heard.rest()], [])


@case
async def replay():
    """a private channel hears again what was broadcast before it came, newest last, then goes on"""
    sender = client().channel("replayed", config(private=True))
    await subscribe(sender)
    for n in range(5):
        await sender.http_send("said", {"n": n})
    late = client().channel("replayed", config(private=True, broadcast={"replay": {"since": 0, "limit": 3}}))
    heard = broadcasts(late)
    await subscribe(late)
    await sender.send_broadcast("said", {"n": 5})
    found = await heard.take(4)
    equal([one["payload"]["n"] for one in found], [2, 3, 4, 5])
    equal([one.get("meta", {}).get("replayed") for one in found], [True, True, True, None])


@case
async def resume():
    """a channel that says where it was is told what it missed, without a hole or a double, also over restarts"""
    old = await store(4)
    await publish(old)
    signalbox = {"from": {"epoch": old[0]["epoch"], "seq": old[0]["seq"]}}
    here = client()
    channel = here.channel(TOPIC, config(broadcast={"signalbox": signalbox}))
    heard = Heard("events")

    def follow(found):
        signalbox["from"] = {name: found["payload"][name] for name in ["epoch", "seq"]}
        heard.hear(found)

    channel.on_broadcast("*", follow)
    statuses = await subscribe(channel)
    fresh = await store(3)
    # Again, as after a crash of the adapter: who has them does not hear them.
    await publish([*old, *fresh])
    equal(await heard_seqs(heard, 6), seqs([*old[1:], *fresh]))
    for end in ["kill", "terminate"]:
        missed = await store(5)
        await ask(end)
        equal((await statuses.next())[0], "CHANNEL_ERROR")
        await ask("start")
        equal(await statuses.next(), SUBSCRIBED)
        later = await store(2)
        await publish([*missed, *later])
        equal(await heard_seqs(heard, 7), seqs([*missed, *later]))
    equal([*heard.rest(), *statuses.rest()], [])


@case
async def presence():
    """who tracks without having asked for presence is seen, sees who is there, and then who comes and goes"""
    there = client().channel("hall", config(presence={"key": "there", "enabled": True}))
    seen = Heard("presence")
    there.on_presence_join(lambda key, *_: seen.hear("join", key))
    there.on_presence_leave(lambda key, *_: seen.hear("leave", key))
    await subscribe(there)
    await there.track({})
    equal(await seen.next(), ("join", "there"))
    mine = client()
    tracking = mine.channel("hall", config(presence={"key": "mine", "enabled": False}))
    await subscribe(tracking)
    await tracking.track({"n": 1})
    equal(await seen.next(), ("join", "mine"))
    other_client = client()
    other = other_client.channel("hall", config(presence={"key": "other", "enabled": False}))
    heard = broadcasts(tracking)
    await subscribe(other)
    await other.track({})
    equal(await seen.next(), ("join", "other"))
    # What is said behind it is heard behind it.
    await other.send_broadcast("tracked", {})
    await heard.next()
    equal(sorted(tracking.presence_state()), ["mine", "other", "there"])
    await other_client.close()
    equal(await seen.next(), ("leave", "other"))
    await mine.close()
    equal(await seen.next(), ("leave", "mine"))


@case
async def load():
    """under load it hears every row that is stored while it is subscribed, in order, also over a restart"""
    channel = client().channel("load")
    rows = inserts(channel)
    statuses = await subscribe(channel)
    after = (await store(1))[0]["seq"]
    stored, is_over = Heard("events that are stored"), asyncio.Event()

    async def produce():
        async with httpx.AsyncClient() as http:
            while not is_over.is_set():
                try:
                    batch = [event("load", {"text": "x" * 500})] * 20
                    answer = await http.post(f"{ROUTER}/v1/events", json=batch)
                except httpx.TransportError:
                    # The router is away.
                    await asyncio.sleep(0.01)
                    continue
                if answer.status_code == 202:
                    stored.hear(answer.json()["last_seq"])

    producing = asyncio.create_task(produce())
    await stored.take(10)
    await ask("kill")
    equal((await statuses.next())[0], "CHANNEL_ERROR")
    await ask("start")
    equal(await statuses.next(), SUBSCRIBED)
    # The answer to what is on its way may be old; the next begins after it.
    stored.rest()
    since = (await stored.take(2))[1] - 19
    await stored.take(10)
    is_over.set()
    await producing
    last = (await get("/v1/events?limit=1"))["events"][-1]["seq"]
    heard = []
    while not heard or heard[-1] < last:
        heard.append((await rows.next())["data"]["record"]["seq"])
    equal(heard[0], after)
    holes = [(one, two) for one, two in zip(heard, heard[1:]) if two != one + 1]
    equal(heard, sorted(set(heard)))
    assert len(holes) <= 1 and all(before < since and first <= since for before, first in holes), (holes, since)


run()
