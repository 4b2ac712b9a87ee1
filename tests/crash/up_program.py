"""`tandem up --sandbox` as it is, with one difference: its worker is the mortal one.

`python -m tests.crash.up_program FOLDER`; TANDEM_HOME says where everything lives.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from sync.cli import places
from sync.cli.up import preparation, services, tandem, up_settings
from workers.home import Home
from workers.sandbox import sandbox_service
from workers.supervisor import Up, run_up
from workers.web import listen


def main(points: str) -> int:
    """The exit code of `tandem up`."""
    given, home = up_settings(sandbox=True), places.home_of(os.environ)
    with listen("127.0.0.1", 0) as bound:
        at = ("127.0.0.1", int(bound.getsockname()[1]))
    worker = [sys.executable, "-m", "tests.crash.mortal_worker", points]
    return run_up(
        home,
        Up(
            services=[replace(s, command=worker) if s.name == "worker" else s for s in services(given)],
            sandbox=sandbox_service(Home.at(home).locks / "sandbox.json"),
            release=[tandem("db", "upgrade")],
            prepare=preparation(home, given, at, sandbox=True),
            announce=lambda _: print("everything runs", flush=True),
        ),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
