"""Runs the program `twilio-sync emulator` for a test."""

import json
import os
import signal
import subprocess


class Emulator:
    """An emulator on a free port, until the end of a `with` block."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TWILIO_")}
        self.process = subprocess.Popen(
            [os.environ["TWILIO_SYNC_PROGRAM"], "emulator", "--port", "0", "--json", "--quiet"]
            + list(self.arguments),
            stdout=subprocess.PIPE,
            env=environment,
        )
        for name, value in json.loads(self.process.stdout.readline()).items():
            setattr(self, name, value)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        status = self.process.wait(timeout=30)
        assert status == 0, f"the emulator ended with {status}"
