"""Checks JSON documents against a JSON Schema: validate.py SCHEMA DOCUMENTS

DOCUMENTS has one document a line. Prints a line for each: "ok", or the first rule that it breaks. The schema itself is
checked first, against the metaschema that it names.
"""

import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("python3-jsonschema is missing: run scripts/bootstrap")


def main() -> None:
    schema_path, documents_path = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    with open(documents_path, encoding="utf-8", newline="\n") as file:
        for line in file:
            error = next(iter(validator.iter_errors(json.loads(line))), None)
            print("ok" if error is None else f"{error.json_path}: {error.message}".replace("\n", " ")[:500])


main()
