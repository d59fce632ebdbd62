"""What OpenAPI cannot say about the router, and schemathesis must know."""

import gzip
import json
import uuid

import schemathesis

FAULTS = ["drop", "duplicate", "delay", "reorder", "alter"]


@schemathesis.hook
def before_call(context, case, kwargs):
    headers, query = case.headers or {}, case.query or {}
    if headers.get("Content-Encoding") == "zstd":
        # Not in the standard library: gzip stands for both.
        headers["Content-Encoding"] = "gzip"
    if case.meta and case.meta.generation.mode.is_positive:
        if "after" in query:
            # The two exclude each other.
            query.pop("before", None)
        if headers.get("Last-Event-ID") == "0":
            # Made without a look at the pattern.
            del headers["Last-Event-ID"]
        if "Idempotency-Key" in headers:
            # New for every request that is not a repetition.
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if case.operation.label == "PUT /v1/validation/rehearsal":
            planted(case.body)


def planted(shares):
    """An event meets with one fault at most, and with some: a schema adds nothing up."""
    whole = sum(shares.get(fault, 0) for fault in FAULTS)
    if whole < 0.001:
        shares["drop"] = 0.001
    elif whole > 0.99:
        for fault in shares.keys() & set(FAULTS):
            shares[fault] *= 0.99 / whole


def packed(context, values):
    """The values, one a line, in the encoding that the header says."""
    text = "\n".join(json.dumps(value, default=str) for value in values).encode()
    encoding = (context.case.headers or {}).get("Content-Encoding")
    # Not smaller, because what grows a hundredfold is refused.
    return gzip.compress(text, 0) if encoding == "gzip" else text


@schemathesis.serializer(
    "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"
)
def document(context, value):
    return packed(context, [value])


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return packed(context, value if isinstance(value, list) else [value])
