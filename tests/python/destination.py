"""A Supabase Realtime that misbehaves as it is told: something to deliver to, in tests.

Prints one line of JSON with its port and that of its control, and ends when its standard input does.
Deliveries come over HTTP and over Phoenix channels, on the same port, and stay in a list. What it does
to them is scripted by POSTs of JSON to the control: see `CONTROLS`."""

import asyncio
import json
import os
import socket
import sys
from urllib.parse import parse_qs, urlsplit

from destination_book import HEAD, Book, Rate, Record, Script, parsed
from destination_channel import Channels
from destination_tally import Tally
from destination_wire import Connection, Gone, HttpAnswers, misbehave, response

LIMITS = {"payload_bytes": 3_000_500, "body_bytes": 8_000_000, "events_per_second": None}


class Request:
    """A request of HTTP, read whole."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = lines[0].split(" ")
        self.head, self.body = head, body
        url = urlsplit(target)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.path = url.path
        self.headers = headers(lines[1:])

    @classmethod
    async def read(cls, reader):
        """The next one; ends with `Gone` when there is none."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await read_body(reader, headers(head.decode("latin-1").split("\r\n")[1:]))
            return cls(head, body)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            raise Gone from None


def headers(lines):
    pairs = (line.split(":", 1) for line in lines if line)
    return {name.lower(): value.strip() for name, value in pairs}


async def read_body(reader, fields):
    if fields.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(fields.get("content-length", 0)))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


class Destination:
    """What listens, what it does, and what it has received."""

    def __init__(self, key):
        self.key = key
        self.book, self.script = Book(), Script()
        self.limits, self._rate = dict(LIMITS), Rate()
        self._server, self._sockets, self._number = None, {}, 0
        # Holds the port while nothing listens there, so that nobody else gets it.
        self._holder = bound(0)
        self.port = self._holder.getsockname()[1]

    async def listen(self):
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, sock=bound(self.port), limit=1 << 20)

    def refuse(self, milliseconds=None):
        """Nobody is there, for so long or until told: no connection survives, none is taken."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._sockets):
            connection.reset()
        if milliseconds is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(milliseconds / 1000, lambda: loop.create_task(self.listen()))

    async def now(self, taken):
        """Does something to every connection, unasked."""
        name, argument = taken
        if name == "refuse":
            return self.refuse(argument)
        for connection, channels in list(self._sockets.items()):
            if name == "reset":
                connection.reset()
            elif channels is not None and name in ("close", "error", "system_error"):
                await connection.send(channels.push(taken))
            elif name == "close":
                connection.end()

    def aside(self, connection):
        """A record of what is no delivery, which is not kept."""
        return Record(0, connection.number, "", [], over=True)

    def over_rate(self, n):
        """Whether so many more events are too many; else they count."""
        limit = self.limits["events_per_second"]
        if limit is None or self._rate.average() + n <= limit:
            self._rate.add(n)
            return False
        return True

    async def _serve(self, reader, writer):
        self._number += 1
        connection = Connection(self._number, reader, writer)
        if self._server is None:
            # It was taken just before nobody was there.
            return connection.reset()
        self.book.count("connections")
        self._sockets[connection] = None
        try:
            while True:
                await self._request(connection, await Request.read(reader))
        except (Gone, ConnectionError):
            pass
        finally:
            del self._sockets[connection]
            connection.end()

    async def _request(self, connection, request):
        path = request.path.removeprefix("/realtime/v1").removeprefix("/socket")
        tenant = path.startswith("/api/tenants/") and path.endswith("/health")
        if request.method == "POST" and path == "/api/broadcast":
            await self._broadcast(connection, request)
        elif request.method == "GET" and path == "/websocket":
            await self._connect(connection, request)
        elif request.method == "HEAD" or path in ("/api/ping", "/healthcheck") or tenant:
            await self._health(connection, request)
        else:
            await connection.send(response(404, b'{"error":"not found"}', [HttpAnswers.JSON]))

    def _is_known(self, request):
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        named = [request.headers.get("x-api-key"), request.headers.get("apikey")]
        return self.key in (given, *named, request.query.get("apikey"))

    async def _health(self, connection, request):
        self.book.count("health")
        body = b'{"message":"Success","data":{"healthy":true,"db_connected":true}}'
        answers = HttpAnswers(200, body, [HttpAnswers.JSON], only_head=request.method == "HEAD")
        taken = self.script.take("health")
        await misbehave(self, connection, self.aside(connection), taken, answers)

    async def _connect(self, connection, request):
        refusal = None
        if not self._is_known(request):
            refusal = response(401, b'{"error":"Failed to validate JWT signature"}', [HttpAnswers.JSON])
        elif request.query.get("vsn") != "2.0.0":
            refusal = response(403)
        if refusal is not None:
            return await connection.send(refusal)
        channels = Channels(self, connection)
        accepted, is_open = channels.handshake(request.head)
        if not is_open:
            return await connection.send(accepted)
        self.book.count("connect")
        taken = self.script.take("connect")
        answers = HttpAnswers(101, accepted=accepted)
        await misbehave(self, connection, self.aside(connection), taken, answers)
        if taken[0] in ("ok", "slow", "partial"):
            self._sockets[connection] = channels
            await channels.run()
            raise Gone

    async def _broadcast(self, connection, request):
        if self.book.tally is not None and self._is_known(request):
            self.book.tally.hear_all(request.body)
            return await connection.send(HttpAnswers(202).ok())
        rate = self.limits["events_per_second"]
        rates = [] if rate is None else [
            ("x-rate-rolling", f"{self._rate.average():.2f}"), ("x-rate-limit", rate),
        ]
        answers = HttpAnswers(202, headers=rates)
        messages, refusal = self._messages(request)
        record = self.book.open(connection.number, "broadcast", messages)
        if refusal is not None:
            status, body = refusal
            record.outcome = f"refused {status}"
            said = json.dumps(body).encode()
            await connection.send(response(status, said, [HttpAnswers.JSON, *rates]))
            return self.book.settle(record)
        is_head = all(name == HEAD for _, name, *_ in messages)
        taken = self.script.take("head" if is_head else "delivery", request.body)
        await misbehave(self, connection, record, taken, answers)

    def _messages(self, request):
        """What is to be broadcast, and why the real one would refuse it, as a status and a body."""
        if not self._is_known(request):
            return [], (401, {"message": "Unauthorized"})
        if len(request.body) > self.limits["body_bytes"]:
            return [], (413, {"message": "Request Entity Too Large"})
        try:
            messages = [message(it) for it in json.loads(request.body)["messages"]]
        except (ValueError, TypeError):
            return [], (400, {"message": "Bad Request"})
        except KeyError as missing:
            return [], (422, {"errors": {str(missing.args[0]): ["can't be blank"]}})
        largest = max((len(json.dumps(payload)) for _, _, payload, _ in messages), default=0)
        if largest > self.limits["payload_bytes"]:
            return messages, (422, {"message": "Payload size exceeds tenant limit"})
        if self.over_rate(len(messages)):
            text = "Too many messages to broadcast, please reduce the batch size"
            return messages, (429, {"message": text})
        return messages, None


def message(value):
    """A message of a broadcast; `KeyError` names the field that is not as it should be."""
    for field, kind in (("topic", str), ("event", str), ("payload", dict)):
        if not isinstance(value[field], kind) or value[field] == "":
            raise KeyError(field)
    return value["topic"], value["event"], value["payload"], bool(value.get("private"))


def bound(port):
    """A socket at a port, which another may be bound to too as long as only one listens."""
    # Named in full: only then asyncio sends small answers at once, as the real one does.
    it = socket.socket(proto=socket.IPPROTO_TCP)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    it.bind(("127.0.0.1", port))
    return it


class Control:
    """What the test says to the destination, on a port of its own."""

    def __init__(self, destination):
        self._it = destination

    async def serve(self, reader, writer):
        connection = Connection(0, reader, writer)
        try:
            while True:
                request = await Request.read(reader)
                try:
                    control = CONTROLS[request.path.removeprefix("/")]
                    said = await control(self, **json.loads(request.body or "{}"))
                    await connection.send(response(200, json.dumps(said).encode(), [HttpAnswers.JSON]))
                except (LookupError, TypeError, ValueError, AssertionError) as wrong:
                    await connection.send(response(400, repr(wrong).encode()))
        except (Gone, ConnectionError):
            pass
        finally:
            connection.end()

    async def next(self, place, behaviours):
        self._it.script.next(place, behaviours)

    async def always(self, place, behaviour):
        self._it.script.always(place, behaviour)

    async def poison(self, marker, behaviour):
        self._it.script.poison.append((marker.encode(), parsed(behaviour)))

    async def now(self, behaviour):
        await self._it.now(parsed(behaviour))

    async def listen(self):
        await self._it.listen()

    async def limit(self, **limits):
        assert limits.keys() <= LIMITS.keys(), limits
        self._it.limits.update(limits)

    async def key(self, key):
        self._it.key = key

    async def received(self):
        fields = ("request", "connection", "via", "events", "outcome", "kept", "told")
        return [{field: getattr(record, field) for field in fields} for record in self._it.book.records]

    async def kept(self):
        return self._it.book.kept

    async def tally(self):
        """From now on keeps counts alone."""
        self._it.book.tally = Tally()

    async def tallied(self):
        return vars(self._it.book.tally)

    async def counts(self):
        return {**self._it.book.counts, "left": self._it.script.left()}

    async def until(self, count, within_ms, at_least=0, at_most=sys.maxsize):
        def is_met():
            left = self._it.script.left()
            n = left if count == "left" else self._it.book.counts.get(count, 0)
            return at_least <= n <= at_most

        return await self._it.book.until(is_met, within_ms / 1000)

    async def clear(self):
        """As at the start, but for the connections and what they are numbered with."""
        self._it.book.clear()
        self._it.script.clear()
        self._it.limits.update(LIMITS)


CONTROLS = {name: it for name, it in vars(Control).items() if not name.startswith("_") and name != "serve"}


async def main(key):
    destination = Destination(key)
    await destination.listen()
    control = await asyncio.start_server(Control(destination).serve, "127.0.0.1", 0, limit=1 << 20)
    ports = {"port": destination.port, "control": control.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 4096) or ended.set())
    await ended.wait()
    os._exit(0)


asyncio.run(main(sys.argv[1]))
