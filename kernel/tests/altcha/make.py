"""Gives our challenge and answer to ALTCHA's library for Python, and has it make and solve its own.

Fails unless it believes our answer and no other. What it says goes into vectors.json, which
kernel/tests/it/altcha.rs and e2e/browser/altcha.test.mjs read:

    pip install altcha==2.3.0
    cargo run -p kernel --example altcha | python3 kernel/tests/altcha/make.py \
        > kernel/tests/altcha/vectors.json
"""

import base64
import json
import sys

from altcha.v2 import (
    Challenge,
    Payload,
    create_challenge,
    solve_challenge,
    verify_solution,
)

ours = json.load(sys.stdin)
secrets = {"hmac_secret": ours["secret"], "hmac_key_secret": ours["key_secret"]}

assert verify_solution(ours["answer"], **secrets).verified
# Without the second secret it derives the key from the counter.
assert verify_solution(ours["answer"], hmac_secret=ours["secret"]).verified
lie = json.loads(base64.b64decode(ours["answer"]))
lie["solution"]["derivedKey"] = "00" * 32
lie = base64.b64encode(json.dumps(lie).encode()).decode()
assert not verify_solution(lie, **secrets).verified

challenge = Challenge.from_dict(ours["challenge"])
their_answer = Payload(challenge, solve_challenge(challenge)).to_base64()
assert verify_solution(their_answer, **secrets).verified

theirs = create_challenge(
    "SHA-256",
    1,
    counter=2_718,
    data=ours["challenge"]["parameters"]["data"],
    expires_at=ours["challenge"]["parameters"]["expiresAt"],
    **secrets,
)
print(
    json.dumps(
        {"ours": {**ours, "their_answer": their_answer}, "theirs": theirs.to_dict()},
        indent=2,
    )
)
