"""The WebSocket of a scripted destination: Phoenix channels, version 2.0.0 of their frames."""

import json

from destination_book import HEAD
from destination_wire import Gone, misbehave, reason
from websockets.exceptions import ConnectionClosed, InvalidState
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

MAX_FRAME = 5_000_000
USER_BROADCAST = 3


class Answers:
    """What is said to one message of a channel."""

    RESPONSE = {}

    def __init__(self, channels, message, reply=True):
        self._channels = channels
        self._join_ref, self._ref, self._topic, *_ = message
        self._reply = reply

    def ok(self, **more):
        return self._channels.frame(self._text("ok", {**self.RESPONSE, **more})) if self._reply else b""

    def _text(self, status, response):
        return self._message("phx_reply", {"status": status, "response": response}, self._ref)

    def _message(self, event, payload, ref):
        return json.dumps([self._join_ref, ref, self._topic, event, payload])

    def pieces(self):
        """Two fragments of a message."""
        if not self._reply:
            return []
        text = self._text("ok", self.RESPONSE).encode()
        half = len(text) // 2
        return [self._channels.frame(text[:half], fin=False), self._channels.continuation(text[half:])]

    def huge(self, size):
        return self.ok(filler=" " * size)

    def refusal(self, status, _retry):
        if status == 429:
            return self.system_error("Too many messages per second")
        return self._channels.frame(self._text("error", {"reason": reason(status)}))

    def close(self, code):
        return self._channels.close(code)

    def error(self):
        """The channel has crashed, and is left."""
        join_ref = self._channels.leave(self._topic) or self._join_ref
        return self._channels.frame(self._message("phx_error", {}, join_ref))

    def system_error(self, message):
        """The channel is closed for a reason."""
        name = self._topic.removeprefix("realtime:")
        text = {"extension": "system", "status": "error", "message": message, "channel": name}
        system = self._channels.frame(self._message("system", text, None))
        return system + self.closed()

    def closed(self):
        join_ref = self._channels.leave(self._topic) or self._join_ref
        return self._channels.frame(self._message("phx_close", {}, join_ref))

    async def silence(self, _connection):
        """Other messages are answered."""


class JoinAnswers(Answers):
    """What is said to a join."""

    RESPONSE = {"postgres_changes": []}

    def refusal(self, status, _retry):
        text = f"Unauthorized: {reason(status)}"
        if status == 429:
            text = "ClientJoinRateLimitReached: Too many joins per second"
        return self._channels.frame(self._text("error", {"reason": text}))


class Channels:
    """The channels of one WebSocket."""

    def __init__(self, destination, connection):
        self._destination = destination
        self._connection = connection
        self._protocol = ServerProtocol(max_size=MAX_FRAME)
        # The join_ref of each topic, and whether its broadcasts are acknowledged and private.
        self._joined = {}
        self._unfinished = []

    def handshake(self, head):
        """The answer to a request to upgrade, and whether it is one of consent."""
        self._protocol.receive_data(head)
        [request] = self._protocol.events_received()
        answer = self._protocol.accept(request)
        self._protocol.send_response(answer)
        return self._bytes(), answer.status_code == 101

    def frame(self, data, fin=True):
        data = data if isinstance(data, bytes) else data.encode()
        return self._send(lambda: self._protocol.send_text(data, fin))

    def continuation(self, data):
        return self._send(lambda: self._protocol.send_continuation(data, True))

    def close(self, code):
        return self._send(lambda: self._protocol.send_close(code, "as the script says"))

    def _send(self, send):
        try:
            send()
        except (ConnectionClosed, InvalidState):
            # The other side has said goodbye already.
            return b""
        return self._bytes()

    def _bytes(self):
        return b"".join(self._protocol.data_to_send())

    def leave(self, topic):
        """Leaves a channel; its join_ref."""
        return self._joined.pop(topic, (None,))[0]

    def push(self, taken):
        """What is said, unasked, to everybody on this socket."""
        name, argument = taken
        if name == "close":
            return self.close(argument)
        said = b""
        for topic, (join_ref, *_) in list(self._joined.items()):
            answers = Answers(self, (join_ref, None, topic))
            said += answers.error() if name == "error" else answers.system_error(argument)
        return said

    async def run(self):
        """Serves until the connection ends."""
        while data := await self._connection.reader.read(1 << 16):
            self._protocol.receive_data(data)
            for frame in self._protocol.events_received():
                await self._frame(frame)
            # Pongs, and the answer to a close.
            await self._connection.send(self._bytes())
            if self._protocol.state is not State.OPEN:
                break
        self._connection.end()

    async def _frame(self, frame):
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._unfinished.append(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._binary = frame.opcode is Opcode.BINARY
        if not frame.fin:
            return
        data = b"".join(self._unfinished)
        self._unfinished.clear()
        try:
            message = user_broadcast(data) if self._binary else json.loads(data)
            [_, _, topic, event, payload, *_] = message
            topic, event, payload = str(topic), str(event), dict(payload)
        except (ValueError, TypeError, IndexError):
            # As the real one does: it is dropped, and the connection stays.
            self._destination.book.count("malformed")
            return
        await self._message(message, data)

    async def _message(self, message, data):
        join_ref, _, topic, event, payload, *_ = message
        match event:
            case "heartbeat" if topic == "phoenix":
                await self._show("heartbeat", Answers(self, message))
            case "phx_join":
                await self._join(message)
            case "broadcast" if topic in self._joined:
                await self._broadcast(message, data)
            case "access_token" if topic in self._joined:
                await self._token(message)
            case "phx_leave":
                answers = Answers(self, message)
                await self._connection.send(answers.ok() + answers.closed())
            case _:
                self._destination.book.count("unmatched")
                await self._connection.send(self.frame(json.dumps(unmatched(message))))

    async def _show(self, place, answers):
        """Behaves as the script says to what is no delivery; its behaviour."""
        taken = self._destination.script.take(place)
        self._destination.book.count(place)
        record = self._destination.aside(self._connection)
        await misbehave(self._destination, self._connection, record, taken, answers)
        return taken

    async def _join(self, message):
        join_ref, _, topic, _, payload, *_ = message
        config = payload.get("config") or {}
        broadcast = config.get("broadcast") or {}
        token = payload.get("access_token")
        if token is not None and not token.startswith("sb_") and token != self._destination.key:
            return await self._connection.send(JoinAnswers(self, message).refusal(401, None))
        # Set first: a misbehaviour may leave it again.
        self._joined[topic] = join_ref, bool(broadcast.get("ack")), bool(config.get("private"))
        name, _ = await self._show("join", JoinAnswers(self, message))
        if name not in ("ok", "slow", "partial", "huge", "no_answer"):
            self.leave(topic)

    async def _token(self, message):
        token = message[4].get("access_token")
        if token is None or token.startswith("sb_") or token == self._destination.key:
            # Nothing is said to a token that is good.
            return await self._show("token", Answers(self, message, reply=False))
        await self._connection.send(Answers(self, message).system_error("Token has expired 1 seconds ago"))

    async def _broadcast(self, message, data):
        _, _, topic, _, payload, *_ = message
        _, ack, private = self._joined[topic]
        destination, answers = self._destination, Answers(self, message, reply=ack)
        name, content = payload.get("event"), payload.get("payload")
        if destination.book.tally is not None:
            destination.book.tally.hear(name, content)
            return await self._connection.send(answers.ok())
        if not isinstance(name, str) or not isinstance(content, dict):
            return destination.book.count("malformed")
        messages = [(topic.removeprefix("realtime:"), name, content, private)]
        record = destination.book.open(self._connection.number, "channel", messages)
        if len(json.dumps(content)) > destination.limits["payload_bytes"]:
            # It says so to those who asked, and the others never learn it.
            taken, answers = ("status", 422), TooLarge(self, message, reply=ack)
        elif destination.over_rate(1):
            taken = "status", 429
        else:
            taken = destination.script.take("head" if name == HEAD else "delivery", data)
        await misbehave(destination, self._connection, record, taken, answers)


class TooLarge(Answers):
    def refusal(self, _status, _retry):
        text = self._text("error", {"reason": "payload_size_exceeded"})
        return self._channels.frame(text) if self._reply else b""


def unmatched(message):
    join_ref, ref, topic, *_ = message
    response = {"status": "error", "response": {"reason": "unmatched topic"}}
    return [join_ref, ref, topic, "phx_reply", response]


def user_broadcast(data):
    """A broadcast as a binary frame, as the message that it stands for."""
    kind, *lengths, encoding = data[:7]
    if kind != USER_BROADCAST or encoding != 1:
        raise ValueError("a frame of another kind")
    rest, parts = data[7:], []
    for length in lengths:
        parts.append(rest[:length].decode())
        rest = rest[length:]
    join_ref, ref, topic, event, _metadata = parts
    payload = {"type": "broadcast", "event": event, "payload": json.loads(rest)}
    return [join_ref or None, ref or None, topic, "broadcast", payload]
