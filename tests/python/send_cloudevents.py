"""Sends CloudEvents to the router at the URL given, in all three modes, as the official SDK makes
them. It has no batched mode: a batch is the SDK's structured events in an array, as the
specification says. Prints the answers, as an array in the order of the requests."""

import json
import sys
from datetime import datetime, timezone
from urllib.request import ProxyHandler, Request, build_opener

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

opener = build_opener(ProxyHandler({}))


def event(id):
    return CloudEvent(
        attributes={
            "specversion": "1.0",
            "id": id,
            "source": "/sdk/caf\u00e9 \u20ac",
            "type": "com.example.order",
            "time": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc),
            "datacontenttype": "application/json",
            "dataschema": "https://example.com/order.json",
            "subject": '100% "new"',
            "tenant": "t1",
        },
        data={"order": 7, "text": "caf\u00e9"},
    )


def post(headers, body):
    request = Request(sys.argv[1] + "/v1/events", body, headers, method="POST")
    with opener.open(request) as answer:
        return json.load(answer)


def post_message(message):
    return post(message.headers, message.body)


batch = [to_structured_event(event(id)).body.decode() for id in ["2", "3"]]
answers = [
    post_message(to_binary_event(event("1"))),
    post_message(to_structured_event(event("2"))),
    post({"content-type": "application/cloudevents-batch+json"}, f"[{','.join(batch)}]".encode()),
]
print(json.dumps(answers))
