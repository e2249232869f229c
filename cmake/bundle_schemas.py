#!/usr/bin/env python3
"""Makes the schema of each topic's values from the published schemas: bundle_schemas.py OUTPUT.cpp SCHEMAS_DIR

Writes a C++ source that defines the texts declared in src/registry/topic_schemas.h. A registry has one schema for all
values of a topic, so each is a choice between the files below, whole within one document. They use nothing that draft 7
does not know, which is what registries understand best.
"""
import json
import pathlib
import sys

DRAFT = "http://json-schema.org/draft-07/schema#"
EVENTS = [f"transaction.created.v{version}" for version in (1, 2, 3, 4)]
OUTCOMES = ["transaction.outcome.v1", "account.updated.v1"]
DEAD_LETTERS = {
    "$schema": DRAFT,
    "title": "A value on the topic of dead letters",
    "description": "The value of the message that could not be applied: an event, as on the topic of events, or whatever "
                   "somebody else sent there.",
}


def definitions_of(name, schema):
    """The schema and what it defines, under names that are its own."""
    def renamed(node):
        if isinstance(node, dict):
            return {key: value.replace("#/$defs/", f"#/definitions/{name}.") if key == "$ref" else renamed(value)
                    for key, value in node.items()}
        return [renamed(item) for item in node] if isinstance(node, list) else node

    parts = schema.pop("$defs", {})
    for key in ("$schema", "$id"):
        del schema[key]
    return {name: renamed(schema)} | {f"{name}.{part}": renamed(text) for part, text in parts.items()}


def bundle(title, names, folder):
    definitions = {}
    for name in names:
        definitions |= definitions_of(name, json.loads((folder / f"{name}.json").read_text()))
    return {"$schema": DRAFT, "title": title, "oneOf": [{"$ref": f"#/definitions/{name}"} for name in names],
            "definitions": definitions}


def main(output, folder):
    texts = {"events_schema": bundle("A value on the topic of events", EVENTS, folder),
             "outcomes_schema": bundle("A value on the topic of outcomes", OUTCOMES, folder),
             "dead_letters_schema": DEAD_LETTERS}
    source = "// Generated from the published schemas. Do not edit.\n#include \"registry/topic_schemas.h\"\n"
    source += "namespace ledgerline::registry {\n"
    for name, schema in texts.items():
        source += f'const std::string_view {name} = R"json({json.dumps(schema, separators=(",", ":"))})json";\n'
    output.write_text(source + "}  // namespace ledgerline::registry\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
