"""What the suites share: cases that print one TAP line each, things heard that are waited for with a
deadline, and the test above, which owns the router."""

import asyncio
import sys
import traceback

DEADLINE = 30

# The router's URL, without a slash at its end.
ROUTER = sys.argv[1]

_cases = []
_clean = []


def case(function):
    """A case; its name is the first line of its documentation."""
    _cases.append(function)
    return function


def afterwards(action):
    """Something to do when the case is over, whatever becomes of it."""
    _clean.append(action)


async def _run():
    failed = False
    for number, function in enumerate(_cases, 1):
        name = function.__doc__.splitlines()[0]
        try:
            await asyncio.wait_for(function(), 3 * DEADLINE)
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {name}")
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()), flush=True)
        while _clean:
            await _clean.pop()()
    print(f"1..{len(_cases)}", flush=True)
    return failed


def run():
    """Runs all cases, and ends the process: with 1 when one of them failed."""
    sys.exit(asyncio.run(_run()))


def equal(found, expected):
    assert found == expected, f"\nfound {found!r}\nexpected {expected!r}"


class Heard:
    """What was heard, in order."""

    def __init__(self, what):
        self.what = what
        self._kept = asyncio.Queue()

    def hear(self, *values):
        """Takes note of something; to be given away as a callback."""
        self._kept.put_nowait(values[0] if len(values) == 1 else values)

    async def next(self):
        """The oldest that was not taken yet."""
        try:
            return await asyncio.wait_for(self._kept.get(), DEADLINE)
        except TimeoutError:
            raise AssertionError(f"nothing is heard of {self.what}") from None

    async def take(self, count):
        """So many, in order."""
        return [await self.next() for _ in range(count)]

    def rest(self):
        """All that was not taken, without waiting."""
        return [self._kept.get_nowait() for _ in range(self._kept.qsize())]


async def ask(what):
    """Asks the test above for something that it alone can do, such as "kill"; when it is done."""
    print(f"? {what}", flush=True)
    return await asyncio.to_thread(sys.stdin.readline)
