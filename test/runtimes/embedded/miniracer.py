# V8 in Python, with nothing around it: evaluates a script whose value is the promise of a string, and prints that.

import sys

from py_mini_racer import MiniRacer

engine = MiniRacer()
if sys.argv[1:] == ["--version"]:
    print(engine.v8_version)
else:
    with open(sys.argv[1], encoding="utf-8") as script:
        print(engine.eval(script.read()).get())
