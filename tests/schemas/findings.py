"""Validates Detection Findings, one a line on standard input, against the published schema of
OCSF, whose version is the only argument. Prints what is wrong, and how many lines there were."""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

source = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=sys.argv[1]))
validator = Draft202012Validator(source.get_class_schema("detection_finding"))
count = 0
for count, line in enumerate(sys.stdin, 1):
    for error in validator.iter_errors(json.loads(line)):
        print(f"line {count}: {error.json_path}: {error.message}")
print(f"{count} validated")
