"""Connections of a scripted destination, and how it misbehaves on them."""

import asyncio
import json
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from time import time

from destination_book import KEEPS

# No HTTP, and no frame of a WebSocket.
GARBAGE = b"\xff\xfe this is no protocol\r\n\r\n"

# How many bytes are sent at once of what comes in pieces.
PIECE = 7


class Gone(Exception):
    """The connection has ended, or is to end; nothing more is to be said on it."""


class Connection:
    """A connection: bytes in, bytes out, and ways to end it."""

    def __init__(self, number, reader, writer):
        self.number = number
        self.reader = reader
        self._writer = writer

    async def send(self, data):
        """Sends; whether somebody is there to take it."""
        if self.reader.at_eof() or self._writer.is_closing():
            return False
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return False
        return True

    async def send_in_pieces(self, pieces):
        taken = True
        for piece in pieces:
            for at in range(0, len(piece), PIECE):
                taken = await self.send(piece[at : at + PIECE]) and taken
                # A piece is to be a segment of its own.
                await asyncio.sleep(0.001)
        return taken

    def end(self):
        """Ends it in an orderly way, after what was sent."""
        self._writer.close()

    def reset(self):
        """Ends it as a crash does: what was not sent yet never is."""
        reset = struct.pack("ii", 1, 0)
        try:
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        except OSError:
            # It was closed already.
            pass
        self._writer.transport.abort()

    async def hang(self):
        """Hears, and says nothing, until the other side has had enough."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            pass
        raise Gone


async def misbehave(destination, connection, record, taken, answers):
    """Does as told to a request. What is right and what is wrong to say is known by `answers`."""
    name, argument = taken
    record.outcome = name if argument is None else f"{name} {argument}"
    # One behaviour less is left.
    destination.book.change()
    if name in KEEPS:
        destination.book.keep(record)
    try:
        await _answer(destination, connection, record, taken, answers)
    finally:
        destination.book.settle(record)


async def _answer(destination, connection, record, taken, answers):
    name, argument = taken
    match name:
        case "ok" | "answer_then_close":
            record.told = await _say(connection, answers.ok())
        case "slow":
            await asyncio.sleep(argument / 1000)
            record.told = await _say(connection, answers.ok())
        case "partial":
            record.told = await connection.send_in_pieces(answers.pieces())
        case "huge":
            record.told = await _say(connection, answers.huge(argument))
        case "half":
            whole = answers.ok()
            await connection.send(whole[: len(whole) // 2])
        case "status":
            await connection.send(answers.refusal(argument, None))
        case "rate_limited":
            await connection.send(answers.refusal(429, retry_after(argument)))
        case "garbage":
            await connection.send(GARBAGE)
        case "close":
            await connection.send(answers.close(argument))
        case "error":
            await connection.send(answers.error())
        case "system_error":
            await connection.send(answers.system_error(argument))
    destination.book.settle(record)
    match name:
        case "lose_answer" | "half" | "garbage" | "close" | "answer_then_close":
            connection.end()
            raise Gone
        case "reset":
            connection.reset()
            raise Gone
        case "refuse":
            destination.refuse(argument)
            raise Gone
        case "hang":
            await connection.hang()
        case "no_answer":
            await answers.silence(connection)


async def _say(connection, answer):
    """Sends an answer; whether there was one, and somebody to take it."""
    return await connection.send(answer) and bool(answer)


def retry_after(argument):
    """The value of a `Retry-After`: seconds, a date so many seconds from now, any text, or none."""
    match argument:
        case None | "missing":
            return None
        case {"seconds": seconds}:
            return str(seconds)
        case {"date": seconds}:
            return formatdate(time() + seconds, usegmt=True)
        case {"text": text}:
            return text


# What the real one says, where it is known.
REASONS = {
    401: "Unauthorized",
    403: "You do not have permissions to write to this Channel topic",
    422: "Payload size exceeds tenant limit",
    429: "Too many requests",
}


def reason(status):
    try:
        return REASONS.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def response(status, body=b"", headers=()):
    """The bytes of a response."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class HttpAnswers:
    """What is said to an HTTP request. What only a channel can do is an error of the server here."""

    JSON = ("content-type", "application/json")

    def __init__(self, status, body=b"", headers=(), accepted=None, only_head=False):
        self._status, self._body, self._headers = status, body, headers
        self._accepted, self._only_head = accepted, only_head

    def _response(self, status, body, headers):
        whole = response(status, body, headers)
        return whole[: len(whole) - len(body)] if self._only_head else whole

    def ok(self):
        return self._accepted or self._response(self._status, self._body, self._headers)

    def pieces(self):
        return [self.ok()]

    def huge(self, size):
        return self._response(self._status, b" " * size, self._headers)

    def refusal(self, status, retry):
        headers = [self.JSON, *self._headers]
        if retry is not None:
            headers.append(("retry-after", retry))
        return self._response(status, json.dumps({"message": reason(status)}).encode(), headers)

    def close(self, _code):
        return b""

    def error(self):
        return self.refusal(500, None)

    def system_error(self, _message):
        return self.refusal(503, None)

    async def silence(self, connection):
        await connection.hang()
