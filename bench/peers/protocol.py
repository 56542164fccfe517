"""The process that a Python peer is: the commands of ../native/rules.c, the parameters in as many leaves as it is told."""

import json
import os
import sys

# Before a library starts its threads: on one core the process lies where the bench has pinned it; else anywhere.
settings = json.loads(sys.argv[1])
if settings["cores"] > 1:
    os.sched_setaffinity(0, range(os.cpu_count()))

import numpy as np

MODULUS = 2147483647
MULTIPLIER = 48271


def generated(count):
    """The numbers of ../settings.js, each block from those before it: a^k times number i is number i + k."""
    seeds = np.empty(count, np.int64)
    seeds[0] = MULTIPLIER
    filled, power = 1, MULTIPLIER
    while filled < count:
        more = min(filled, count - filled)
        seeds[filled : filled + more] = seeds[:more] * power % MODULUS
        power = power * power % MODULUS
        filled += more
    return (seeds / MODULUS - 0.5).astype(np.float32)


def serve(peer):
    """`peer` has reset(params, grads), run(clip, steps) -> nanoseconds, and params() -> arrays."""
    lengths = settings["lengths"]
    total = sum(lengths)
    ends = np.cumsum(lengths)[:-1]
    for line in sys.stdin:
        what, *arguments = line.split()
        if what == "reset":
            values = generated(2 * total)
            peer.reset(np.split(values[:total], ends), np.split(values[total:], ends))
            print("ready", flush=True)
        elif what == "run":
            print(peer.run(arguments[0] == "clippedAdamw", int(arguments[2])), flush=True)
        elif what == "params":
            sys.stdout.buffer.write(np.concatenate(peer.params()).tobytes())
            sys.stdout.buffer.flush()
        else:
            sys.exit(f"unknown: {line}")
