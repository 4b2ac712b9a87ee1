"""A stand-in for the command line: `python up_program.py HOME SCENARIO` runs `tandem up` with trivial children.

Each child writes what happens to it into HOME/../story, a line each, so that a test can read the order.
"""

import json
import os
import sys
from pathlib import Path

from workers.embedded import EmbeddedFault
from workers.service import Service
from workers.supervisor import State, Up, run_up

CHILD = """
import os, signal, subprocess, sys, time
name, behaviour, story = sys.argv[1:4]
def tell(text):
    with open(story, "a") as file:
        file.write(f"{name} {text}\\n")
def stop(number, frame):
    tell("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else stop)
tell("starts")
if behaviour == "crashes-once" and open(story).read().count(f"{name} starts") == 1:
    sys.exit(70)
if behaviour == "misconfigured":
    sys.exit(2)
if behaviour == "forks":
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", story])
if behaviour == "ready":
    with open(sys.argv[4] + ".part", "w") as file:
        file.write('{"control_url": "http://127.0.0.1:1/secret"}')
    os.rename(sys.argv[4] + ".part", sys.argv[4])
print('{"event": "from ' + name + '"}', flush=True)
while True:
    time.sleep(0.05)
"""


def child(home: Path, name: str, behaviour: str = "steady", **options: object) -> Service:
    story = str(home.parent / "story")
    ready = options.get("ready_file", "")
    return Service(name, [sys.executable, "-c", CHILD, name, behaviour, story, str(ready)], **options)  # type: ignore[arg-type]


def scenario(home: Path, name: str) -> Up:
    story = home.parent / "story"
    tell = [sys.executable, "-c", "import os, sys; open(sys.argv[1], 'a').write(sys.argv[2] + os.linesep)", str(story)]
    common = {"database_url": "postgresql://given", "redis_url": "redis://given"}

    def note(state: State) -> None:
        with story.open("a") as file:
            file.write("announced " + json.dumps(state["environment"], sort_keys=True) + "\n")

    match name:
        case "servers":
            return Up([child(home, "web", "forks")], announce=note)
        case "order":
            sandbox = child(home, "sandbox", "ready", restart=False, ready_file=home.parent / "ready.json")
            services = [child(home, "worker"), child(home, "web"), child(home, "scheduler")]
            return Up(
                services,
                sandbox=sandbox,
                release=[[*tell, "release"]],
                prepare=lambda state: {"WORLD": state["services"]["sandbox"]["ready"]["control_url"]},
                announce=note,
                **common,
            )
        case "reset":
            sandbox = child(home, "sandbox", "ready", restart=False, ready_file=home.parent / "ready.json")
            world = home.parent / "world"
            return Up(
                [child(home, "worker"), child(home, "web")],
                sandbox=sandbox,
                release=[[*tell, "release"]],
                prepare=lambda state: {"WORLD": world.read_text()},
                announce=note,
                world=lambda state: world.read_text() or None,
                **common,
            )
        case "release-fails":
            return Up([child(home, "web")], release=[[sys.executable, "-c", "import sys; sys.exit(3)"]], **common)
        case "stubborn":
            return Up(
                [child(home, "web", "stubborn", stop_within_s=float(os.environ["STOP_WITHIN_S"]))],
                announce=note,
                **common,
            )
        case "not-there":
            return Up([Service("web", ["/nowhere/web"])], **common)
        case "sandbox-dies":
            return Up([], sandbox=child(home, "sandbox", "crashes-once", restart=False), announce=note, **common)
        case _:
            return Up([child(home, "web", name), child(home, "worker")], announce=note, **common)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        sys.exit(run_up(place, scenario(place, sys.argv[2])))
    except EmbeddedFault as fault:
        print(fault, file=sys.stderr)
        sys.exit(fault.exit_code)
