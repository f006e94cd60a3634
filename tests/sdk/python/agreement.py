"""Signs, validates and decodes with Twilio's own library what tests/agreement.rs hands over on
standard input, and prints what came of it, as JSON."""

import json
import sys
import time

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import SyncGrant, VideoGrant
from twilio.request_validator import RequestValidator

given = json.load(sys.stdin)


class Parameters(dict):
    """Parameters of which several have one name, as web frameworks give them."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


signatures = [
    RequestValidator(webhook["token"]).compute_signature(webhook["url"], Parameters(webhook["parameters"]))
    for webhook in given["webhooks"]
]
verdicts = [
    RequestValidator(webhook["token"]).validate(
        webhook["url"], Parameters(webhook["parameters"]), webhook["signature"]
    )
    for webhook in given["signed"]
]

real_time = time.time
time.time = lambda: given["now"]
tokens = []
for token in given["tokens"]:
    jwt = AccessToken(
        token["account_sid"],
        token["api_key"],
        token["secret"],
        identity=token["identity"],
        ttl=token["lifetime"],
        region=token["region"],
    )
    jwt.add_grant(SyncGrant(service_sid=token["service"], endpoint_id=token["endpoint_id"]))
    if token["room"]:
        jwt.add_grant(VideoGrant(room=token["room"]))
    tokens.append(jwt.to_jwt())
time.time = real_time
verified = [AccessToken.from_jwt(token["ours"], token["secret"]).payload for token in given["tokens"]]

print(json.dumps({"signatures": signatures, "verdicts": verdicts, "tokens": tokens, "verified": verified}))
