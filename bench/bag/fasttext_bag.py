"""fastText, same protocol as ours.mjs."""

import json
import os
import sys
import time

try:
    import fasttext
except ImportError:
    print(json.dumps({"failed": "this python has no fasttext"}), flush=True)
    sys.exit(1)

settings = json.loads(os.environ["SETTINGS"])
train, test = os.environ["TRAIN"], os.environ.get("TEST")


def trained():
    return fasttext.train_supervised(train, thread=int(os.environ["THREADS"]), verbose=0, **settings)


if test:
    print(trained().test(test)[1])
    sys.exit(0)
print(json.dumps({"ready": True}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    trained()
    print(json.dumps({"ms": (time.perf_counter() - started) * 1000}), flush=True)
