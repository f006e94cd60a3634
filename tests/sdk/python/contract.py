"""Schemathesis against the program: each answer is one that the API description has.

usage: python contract.py DESCRIPTION
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from emulator import Emulator

HERE = Path(__file__).parent
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def run(emulator, description, report):
    environment = dict(
        os.environ,
        CONTRACT_URL=emulator.url,
        CONTRACT_AUTH=f"{emulator.account_sid}:{emulator.auth_token}",
        CONTRACT_REPORT=str(report),
        SCHEMATHESIS_HOOKS="contract_hooks",
        PYTHONPATH=str(HERE),
        NO_PROXY="*",
    )
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(description)]
    command += ["--url", emulator.url, "--auth", environment["CONTRACT_AUTH"]]
    command += ["--phases", "coverage,fuzzing", "--checks", ",".join(CHECKS)]
    command += ["--seed", "20160707", "--max-examples", os.environ.get("CONTRACT_EXAMPLES", "60")]
    # A hang is an answer that takes longer than this.
    command += ["--request-timeout", "5", "--warnings", "off", "--suppress-health-check", "all"]
    # Nothing of earlier runs is replayed, and no files are left.
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run(command, env=environment, cwd=directory).returncode


def main():
    description = Path(sys.argv[1]).resolve()
    paths = json.loads(description.read_text())["paths"]
    methods = {"get", "post", "delete"}
    operations = {
        operation["operationId"]
        for path in paths.values()
        for method, operation in path.items()
        if method in methods
    }
    with tempfile.TemporaryDirectory() as directory, Emulator() as emulator:
        report = Path(directory) / "report.json"
        status = run(emulator, description, report)
        seen = {name: Counter(codes) for name, codes in json.loads(report.read_text()).items()}
    total = sum(seen.values(), Counter())
    print(f"{len(operations)} operations, {total.total()} requests: {dict(sorted(total.items()))}")
    # Of each operation both an answer that it did and one that it did not.
    missing = {
        name
        for name in operations
        if not any(code.startswith("2") for code in seen.get(name, {}))
        or not any(code.startswith("4") for code in seen.get(name, {}))
    }
    if missing:
        print(f"never both done and refused: {sorted(missing)}")
    return status or bool(missing)


if __name__ == "__main__":
    sys.exit(main())
