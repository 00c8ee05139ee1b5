"""Validates a bill of materials on standard input against the published schema of CycloneDX,
whose version is the only argument; fields that it does not know are wrong. Prints what is wrong,
and that there was one."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

validator = JsonStrictValidator(SchemaVersion.from_version(sys.argv[1]))
for error in validator.validate_str(sys.stdin.read(), all_errors=True) or ():
    print(f"line 1: {error.data.json_path}: {error.data.message}")
print("1 validated")
