"""The Python client of Supabase Realtime against the router, unmodified."""

from realtime_clients import SUBSCRIBED, broadcasts, client, config, event, inserts, post, subscribe
from suite import Heard, ask, case, equal, run


@case
async def broadcast():
    """broadcasts are heard by others, and by the sender when it wants to"""
    said = {"text": "caf\u00e9 \u20ac", "list": [1, 2.5, None, True], "deep": {"empty": {}}}
    sender, receiver = client().channel("room"), client("/socket").channel("room")
    echo = client().channel("room", config(broadcast={"self": True, "ack": True}))
    unheard, heard, own = broadcasts(sender), broadcasts(receiver, "SAID"), broadcasts(echo)
    for channel in [sender, receiver, echo]:
        await subscribe(channel)
    await sender.send_broadcast("said", said)
    for found in [await heard.next(), await own.next()]:
        equal((found["event"], found["payload"]), ("said", said))
    await echo.send_broadcast("end", {})
    equal([(await end.next())["event"] for end in [own, unheard]], ["end", "end"])


@case
async def http_send():
    """broadcasts over HTTP are heard, whatever they are called"""
    for path in ["/realtime/v1", "/socket"]:
        topic = f"http {path} ?a=b&c#d \u00e9\u20ac"
        receiver = client(path).channel(topic)
        heard = broadcasts(receiver)
        await subscribe(receiver)
        await client(path).channel(topic).http_send("one/two ?% \u20ac", {"n": 1})
        found = await heard.next()
        equal((found["event"], found["payload"]), ("one/two ?% \u20ac", {"n": 1}))


@case
async def presence():
    """two clients see each other come, change and go"""
    seen = Heard("presence")
    watcher = client().channel("hall")
    watcher.on_presence_join(lambda key, _, new: seen.hear("join", key, new))
    watcher.on_presence_leave(lambda key, _, left: seen.hear("leave", key, left))
    other_client = client()
    other = other_client.channel("hall", config(presence={"key": "b", "enabled": True}))
    await subscribe(watcher)
    await subscribe(other)

    async def next_seen():
        what, key, presences = await seen.next()
        return what, key, [{k: v for k, v in one.items() if k != "presence_ref"} for one in presences]

    await other.track({"name": "Bob"})
    equal(await next_seen(), ("join", "b", [{"name": "Bob"}]))
    await other.track({"name": "Rob"})
    equal(await next_seen(), ("leave", "b", [{"name": "Bob"}]))
    equal(await next_seen(), ("join", "b", [{"name": "Rob"}]))
    equal([one["name"] for one in watcher.presence_state()["b"]], ["Rob"])
    await other.untrack()
    equal(await next_seen(), ("leave", "b", [{"name": "Rob"}]))
    await other.track({"name": "Bob"})
    equal((await next_seen())[0], "join")
    await other_client.close()
    equal(await next_seen(), ("leave", "b", [{"name": "Bob"}]))
    equal(watcher.presence_state(), {})


@case
async def changes():
    """events are told of as rows of both schemas, with the columns that were selected"""
    channel = client().channel("rows")
    rows = {schema: inserts(channel, schema=schema) for schema in ["monitoring", "public"]}
    narrow = inserts(channel, select=["seq"])
    system = Heard("system messages")
    channel.on_system(system.hear)
    await subscribe(channel)
    # At once: who is subscribed misses nothing.
    stored = await post(event("row", {"deep": {"list": [1, None]}}))
    for schema, heard in rows.items():
        data = (await heard.next())["data"]
        found = data["schema"], data["table"], data["type"].value, data["errors"]
        equal(found, (schema, "monitoring_events", "INSERT", None))
        equal({one["name"] for one in data["columns"]}, set(data["record"]))
        record = data["record"]
        found = record["id"], record["seq"], record["data"]
        equal(found, (stored["id"], stored["seq"], {"deep": {"list": [1, None]}}))
    selected = (await narrow.next())["data"]["record"]
    equal(selected, {"id": stored["id"], "seq": stored["seq"]})
    live = await system.next()
    equal((live.extension, live.message, live.channel), ("postgres_changes", "Subscribed to PostgreSQL", "rows"))
    equal(system.rest(), [])


@case
async def filters():
    """each filter operator finds what it should"""
    before = (await post(event("before")))["seq"]
    table = {
        "event_type=eq.disk_full": "A",
        "event_type=neq.disk_full": "BC",
        f"seq=lt.{before + 2}": "A",
        f"seq=lte.{before + 2}": "AB",
        f"seq=gt.{before + 2}": "C",
        f"seq=gte.{before + 2}": "BC",
        'event_type=in.(disk_full,"a, \\"b\\"")': "AC",
        "event_type=like.disk%": "A",
        "event_type=ilike.DISK%": "A",
        "event_type=is.null": "",
        "event_type=not.is.null": "ABC",
        "event_type=match.^[a-z_]+$": "AB",
        "event_type=imatch.^DISK": "A",
        "event_type=isdistinct.disk_full": "BC",
        f"event_type=not.in.(disk_full,cache_hit),seq=gt.{before}": "C",
    }
    channel = client().channel("filters")
    heard = {filter: inserts(channel, filter=filter) for filter in table}
    every = inserts(channel)
    await subscribe(channel)
    types = ["disk_full", "cache_hit", 'a, "b"']
    await post([event(name, {"is": letter}) for name, letter in zip(types, "ABC")])
    # The last binding is called last: what the others do not have by then, they do not get.
    await every.take(3)
    found = {
        filter: "".join(row["data"]["record"]["data"]["is"] for row in own.rest())
        for filter, own in heard.items()
    }
    equal(found, table)


@case
async def refused():
    """a filter that cannot be served is an error of the channel, with the reason"""
    channel = client().channel("bad")
    inserts(channel, filter="nothing=eq.x")
    statuses = await subscribe(channel)
    status, error = await statuses.next()
    equal(status, "CHANNEL_ERROR")
    assert "nothing" in str(error), error


@case
async def leaving():
    """a channel that was left hears nothing, and one that joins anew does"""
    watcher, sender = client(), client().channel("door")
    await subscribe(sender)
    left = watcher.channel("door")
    unheard = broadcasts(left)
    statuses = await subscribe(left)
    keep = watcher.channel("other")
    await subscribe(keep)
    await watcher.remove_channel(left)
    equal((await statuses.next())[0], "CLOSED")
    again = watcher.channel("door")
    heard = broadcasts(again)
    await subscribe(again)
    await sender.send_broadcast("said", {})
    equal((await heard.next())["event"], "said")
    equal(unheard.rest(), [])


@case
async def restarts():
    """it is back by itself after the router's restart, and hears what comes then"""
    here = client()
    journal, room = here.channel("journal"), here.channel("room", config(broadcast={"self": True}))
    rows, said = inserts(journal), broadcasts(room)
    statuses = [await subscribe(channel) for channel in [journal, room]]
    for end in ["kill", "terminate"]:
        await ask(end)
        for own in statuses:
            equal((await own.next())[0], "CHANNEL_ERROR")
        await ask("start")
        for own in statuses:
            equal(await own.next(), SUBSCRIBED)
        await post([event("one"), event("two")])
        equal([row["data"]["record"]["event_type"] for row in await rows.take(2)], ["one", "two"])
        await room.send_broadcast("said", {})
        equal((await said.next())["event"], "said")
    equal([*rows.rest(), *said.rest(), *statuses[0].rest(), *statuses[1].rest()], [])


@case
async def tokens():
    """a new token is taken, and used when it comes back"""
    here = client()
    channel = here.channel("tokens")
    rows = inserts(channel)
    statuses = await subscribe(channel)
    await here.set_auth("another")
    await post(event("renewed"))
    equal((await rows.next())["data"]["record"]["event_type"], "renewed")
    equal(statuses.rest(), [])


run()
