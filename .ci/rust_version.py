"""Checks that no dependency needs a newer Rust than Cargo.toml states."""

import json
import subprocess
import sys

metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"])
)


def version(text):
    parts = [int(part) for part in text.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


packages = {package["id"]: package for package in metadata["packages"]}
ours = packages[metadata["resolve"]["root"]]
stated = ours["rust_version"]
newer = [
    f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
    for package in packages.values()
    if package["rust_version"] and version(package["rust_version"]) > version(stated)
]
if newer:
    sys.exit(f"Cargo.toml states Rust {stated}, but\n" + "\n".join(newer))
print(f"no dependency needs a newer Rust than {stated}")
