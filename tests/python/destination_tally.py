"""What a scripted destination keeps of very many events: counts, and whether each came once and in order.

While it tallies, every delivery goes well: nothing is scripted, limited or recorded."""

import json
import zlib

from destination_book import HEAD

# How many faults are told in words.
TOLD = 5


class Tally:
    """Events as they come, each held against the one before it."""

    def __init__(self):
        self.events = self.again = self.missing = self.unchained = 0
        self.last = None
        # CRC-32 of the ids, one after the other.
        self.ids = 0
        self.faults = []

    def hear(self, name, payload):
        """A broadcast came."""
        if name == HEAD:
            return
        self.events += 1
        seq, prev = payload["seq"], payload["prev"]
        self.ids = zlib.crc32(payload["id"].encode(), self.ids)
        if self.last is not None and (seq != self.last + 1 or prev != self.last):
            self._note(seq, prev)
        self.last = seq if self.last is None else max(self.last, seq)

    def hear_all(self, body):
        """A request with broadcasts came."""
        for it in json.loads(body)["messages"]:
            self.hear(it["event"], it["payload"])

    def _note(self, seq, prev):
        self.again += seq <= self.last
        self.missing += max(0, seq - self.last - 1)
        self.unchained += prev != seq - 1
        if len(self.faults) < TOLD:
            self.faults.append(f"{seq}, which follows {prev}, came after {self.last}")
