"""What a scripted destination is to do, and what it has received."""

import asyncio
import json
import sys
import time
import zlib
from collections import deque
from dataclasses import dataclass, field

# What can be misbehaved at, each by a script of its own.
PLACES = ("delivery", "head", "connect", "join", "heartbeat", "token", "health")

# Said by the router when it has nothing to say: no event, so no delivery.
HEAD = "signalbox:head"

OK = ("ok", None)

# After these the events are there, whatever the sender is told.
KEEPS = {"ok", "slow", "partial", "huge", "half", "lose_answer", "no_answer", "answer_then_close"}
DROPS = {"status", "rate_limited", "hang", "reset", "close", "refuse", "garbage", "error", "system_error"}


def parsed(value):
    """A behaviour as (name, argument), from `"name"` or `{"name": argument}`."""
    [(name, argument)] = value.items() if isinstance(value, dict) else [(value, None)]
    assert name in KEEPS | DROPS, f"no behaviour is called {name}"
    return name, argument


class Script:
    """What is done to the requests that come next, and to all others."""

    def __init__(self):
        self.clear()

    def clear(self):
        self._queues = {place: deque() for place in PLACES}
        self._always = {}
        self.poison = []

    def next(self, place, behaviours):
        self._queues[place].extend(map(parsed, behaviours))

    def always(self, place, value):
        self._always[place] = parsed(value)

    def left(self):
        """Behaviours that nobody has met yet."""
        return sum(map(len, self._queues.values()))

    def take(self, place, body=b""):
        """The behaviour towards a request; what nothing else is scripted for may be poisoned."""
        if self._queues[place]:
            taken = self._queues[place].popleft()
        else:
            # While deliveries fail, so does a head.
            delivery = self._always.get("delivery", OK) if place == "head" else OK
            taken = self._always.get(place, delivery)
        if taken == OK:
            for marker, poisoned in self.poison:
                if marker in body:
                    return poisoned
        return taken


@dataclass(slots=True)
class Record:
    """A request: what was in it, and what became of it."""

    request: int
    connection: int
    via: str
    # Tuples of id, event, topic, private, seq, prev, digest.
    events: list
    outcome: str = "none"
    kept: bool = False
    # Whether its sender was told that it was kept.
    told: bool = False
    over: bool = False


@dataclass
class Book:
    """Everything received, in order."""

    records: list = field(default_factory=list)
    # The ids of events in the order in which they were kept, each time.
    kept: list = field(default_factory=list)
    counts: dict = field(default_factory=dict)
    # What is kept instead of all that, when there is too much of it.
    tally: object = None
    _distinct: set = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _requests: int = 0

    def clear(self):
        """Forgets what was received; requests are numbered on."""
        self.records, self.kept, self.counts, self._distinct = [], [], {}, set()
        self.tally = None
        self.change()

    def count(self, name, n=1):
        self.counts[name] = self.counts.get(name, 0) + n
        self.change()

    def open(self, connection, via, messages):
        """A record of a delivery that has come whole."""
        self._requests += 1
        record = Record(self._requests, connection, via, [event(*it) for it in messages])
        self.records.append(record)
        return record

    def keep(self, record):
        record.kept = True
        self.kept.extend(it[0] for it in record.events if it[0] is not None)

    def settle(self, record):
        """All that its sender will hear of it was sent; counted once."""
        if record.over:
            return self.change()
        record.over = True
        if record.kept:
            self._distinct.update(it[0] for it in record.events if it[0] is not None)
            self.counts["events"] = len(self._distinct)
            self.count("heads", sum(it[1] == HEAD for it in record.events))
        self.count("requests")

    def change(self):
        """Wakes those who wait."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_met, seconds):
        """Whether it is met in time."""
        deadline = time.monotonic() + seconds
        while not is_met():
            left = deadline - time.monotonic()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return is_met()
        return True


def event(topic, name, payload, private):
    """An event as it is kept: small, and with what tells it from another of the same id."""
    content = {key: value for key, value in payload.items() if key != "prev"}
    digest = zlib.crc32(json.dumps(content, sort_keys=True).encode())
    place = payload.get("seq"), payload.get("prev")
    known = payload.get("id")
    return known if known is None else str(known), sys.intern(name), sys.intern(topic), private, *place, digest


class Rate:
    """Events per second, on the average of a minute: bursts pass, then nothing does."""

    WINDOW = 60

    def __init__(self):
        self._taken = deque()
        self._sum = 0

    def average(self):
        before = time.monotonic() - self.WINDOW
        while self._taken and self._taken[0][0] < before:
            self._sum -= self._taken.popleft()[1]
        return self._sum / self.WINDOW

    def add(self, n):
        self._taken.append((time.monotonic(), n))
        self._sum += n
