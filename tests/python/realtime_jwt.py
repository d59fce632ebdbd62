"""JSON Web Tokens, as Supabase Auth makes them: what a role may do on a channel, tokens that are
renewed in time, and those that expire."""

import base64
import hashlib
import hmac
import json
import re
import sys
import time

from realtime import RealtimeHTTPError

from realtime_clients import SUBSCRIBED, broadcasts, client, config, event, inserts, post, subscribe, subscribing
from suite import case, equal, run

SECRET = sys.argv[2].encode()

# Long enough to join with, and short enough to wait for.
BRIEF = 2


def jwt(role, seconds=600):
    """A token of a role, for so many seconds from now on."""

    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    parts = [{"alg": "HS256", "typ": "JWT"}, {"role": role, "exp": int(time.time()) + seconds}]
    said = b".".join(text(json.dumps(part).encode()) for part in parts)
    return (said + b"." + text(hmac.digest(SECRET, said, hashlib.sha256))).decode()


# What sockets are opened with; channels have tokens of their own.
KEY = jwt("authenticated")
SERVICE = jwt("service_role")
PRIVATE = config(private=True)


async def user(token):
    """A client whose channels have this token."""
    made = client(key=KEY)
    await made.set_auth(token)
    return made


async def store(event_type):
    await post(event(event_type), authorization=f"Bearer {SERVICE}")


async def refused(channel, why):
    statuses = await subscribing(channel)
    status, error = await statuses.next()
    equal(status, "CHANNEL_ERROR")
    assert json.loads(str(error))["reason"].startswith(why), error


@case
async def roles():
    """a role that may read joins, also what is private, and no other role does"""
    for private in [True, False]:
        for role in ["authenticated", "service_role"]:
            await subscribe((await user(jwt(role))).channel("room", config(private=private)))
        for role in ["anon", "stranger"]:
            reason = "Unauthorized: You do not have permissions to read from this Channel topic: room"
            await refused((await user(jwt(role))).channel("room", config(private=private)), reason)


@case
async def private():
    """a private channel hears what is told to it, and says what its role may"""
    reader_client, writer_client = await user(jwt("authenticated")), await user(SERVICE)
    reader, writer = [one.channel("private", PRIVATE) for one in [reader_client, writer_client]]
    everybody = (await user(jwt("authenticated"))).channel("private")
    heard, written, leaked = [broadcasts(one) for one in [reader, writer, everybody]]
    rows = inserts(reader, filter="event_type=eq.row")
    for channel in [reader, writer, everybody]:
        await subscribe(channel)
    await writer.send_broadcast("said", {"n": 1})
    await writer.http_send("said", {"n": 2})
    equal([found["payload"]["n"] for found in await heard.take(2)], [1, 2])
    await store("row")
    equal((await rows.next())["data"]["record"]["event_type"], "row")
    await reader.send_broadcast("not allowed", {})
    try:
        await reader.http_send("not allowed", {})
        raise AssertionError("a reader has sent something")
    except RealtimeHTTPError as error:
        equal(error.status, 403)
    await writer.http_send("end", {})
    equal((await heard.next())["event"], "end")
    equal([found["event"] for found in await written.take(2)], ["said", "end"])
    equal(leaked.rest(), [])


@case
async def renewed():
    """a channel outlives the token it was joined with when that is renewed"""
    here = await user(jwt("authenticated", BRIEF))
    stays, ends = here.channel("stays", PRIVATE), here.channel("ends", PRIVATE)
    rows = inserts(stays)
    statuses, ending = await subscribe(stays), await subscribe(ends)
    await here.set_auth(jwt("authenticated"))
    # The other gets one again that does not last: when that is over, the first one is too.
    await ends.push("access_token", {"access_token": jwt("authenticated", BRIEF)})
    equal((await ending.next())[0], "CHANNEL_ERROR")
    await store("after")
    equal((await rows.next())["data"]["record"]["event_type"], "after")
    equal([*statuses.rest(), *rows.rest()], [])


@case
async def expired():
    """a channel ends with its token, and is back with a new one"""
    here = await user(jwt("authenticated", BRIEF))
    statuses = await subscribe(here.channel("session", PRIVATE))
    status, error = await statuses.next()
    equal(status, "CHANNEL_ERROR")
    said = json.loads(str(error))
    equal((said["extension"], said["channel"]), ("system", "session"))
    assert re.match(r"Token has expired \d+ seconds ago$", said["message"]), said
    equal(await statuses.next(), ("CLOSED", None))
    equal(here.is_connected, True)
    again = here.channel("session", PRIVATE)
    rows = inserts(again)
    tried = await subscribing(again)
    status, error = await tried.next()
    equal(status, "CHANNEL_ERROR")
    assert json.loads(str(error))["reason"].startswith("InvalidJWTToken: Token has expired "), error
    # It tries again by itself, with what it has by then.
    await here.set_auth(jwt("authenticated"))
    while (await tried.next()) != SUBSCRIBED:
        pass
    await store("back")
    equal((await rows.next())["data"]["record"]["event_type"], "back")
    equal(tried.rest(), [])


run()
