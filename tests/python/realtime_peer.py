"""The other side of cases that are told by JavaScript: a Python client that echoes what it hears, or
that comes, changes and goes. Says "ready" when it has joined."""

import asyncio
import sys

from realtime import AsyncRealtimeClient

router, part = sys.argv[1:]


async def echo(client):
    channel = client.channel("echo")
    heard = asyncio.Queue()
    channel.on_broadcast("say", heard.put_nowait)
    await channel.subscribe()
    print("ready", flush=True)
    while True:
        await channel.send_broadcast("echo", (await heard.get())["payload"])


async def present(client):
    config = {"broadcast": {}, "presence": {"key": "python", "enabled": True}, "private": False}
    channel = client.channel("python", {"config": config})
    seen = asyncio.Queue()
    channel.on_presence_join(lambda *_: seen.put_nowait(None))
    await channel.subscribe()
    print("ready", flush=True)
    for n in [1, 2]:
        await channel.track({"n": n})
        await seen.get()
    await client.close()


async def main():
    client = AsyncRealtimeClient(f"{router}/realtime/v1", "anything")
    await {"echo": echo, "present": present}[part](client)


asyncio.run(main())
