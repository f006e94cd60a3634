"""Hooks of schemathesis: each request meets the same few objects, and every other one names them.

Names made up at random name nothing, so that without this no operation on one object would get past
'not found'.
"""

import atexit
import json
import os
from collections import Counter, defaultdict

import requests
import schemathesis

URL = os.environ["CONTRACT_URL"]
AUTH = tuple(os.environ["CONTRACT_AUTH"].split(":"))

PERMISSIONS = [{"identity": "bob", "read": True, "write": False, "manage": True}]
SEED = {
    "services": [
        {
            "unique_name": "default",
            "friendly_name": "contract",
            "documents": [{"unique_name": "it", "data": {"a": 1}, "permissions": PERMISSIONS}],
            "lists": [
                {
                    "unique_name": "it",
                    "items": [{"data": {"n": n}} for n in range(7)],
                    "permissions": PERMISSIONS,
                }
            ],
            "maps": [
                {
                    "unique_name": "it",
                    "items": [{"key": key, "data": {}} for key in ["a", "b", "c"]],
                    "permissions": PERMISSIONS,
                }
            ],
            "streams": [{"unique_name": "it", "date_expires": "2999-01-01T00:00:00Z"}],
        }
    ]
}
OBJECTS = ["DocumentSid", "ListSid", "MapSid", "StreamSid"]

session = requests.Session()
session.trust_env = False
seen = defaultdict(Counter)
calls = Counter()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def name_what_is_there(case):
    parameters = case.path_parameters
    has_service = "ServiceSid" in parameters
    known = {"ServiceSid": "default", "Index": 3, "Key": "b", "Identity": "bob"}
    known |= dict.fromkeys(OBJECTS, "it")
    known["Sid"] = "it" if has_service else "default"
    parameters.update({name: known[name] for name in parameters})


@schemathesis.hook
def before_call(context, case, kwargs):
    session.post(f"{URL}/_emulator/seed", json=SEED, auth=AUTH, timeout=10).raise_for_status()
    operation = operation_id(case)
    calls[operation] += 1
    if calls[operation] % 2 and case.path_parameters:
        name_what_is_there(case)
        if isinstance(case.body, dict) and isinstance(case.body.get("Data"), str):
            # Text made up at random is no JSON.
            case.body["Data"] = json.dumps({"text": case.body["Data"]})
    # Nothing is posted to an address that was made up.
    if isinstance(case.body, dict) and str(case.body.get("WebhookUrl", "")).startswith("http"):
        case.body["WebhookUrl"] = "http://127.0.0.1:1/hook"


@schemathesis.hook
def after_call(context, case, response):
    seen[operation_id(case)][response.status_code] += 1


@atexit.register
def report():
    with open(os.environ["CONTRACT_REPORT"], "w") as file:
        json.dump(seen, file)
