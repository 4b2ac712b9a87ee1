"""Fails where a lock file names a host, lacks a hash, or does not hold everything that its .in file asks for."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"requirements.lock": "requirements.in", "requirements-dev.lock": "requirements-dev.in"}
HOST = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|\b(git|file|ssh)[+:]")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(\[[^]]*\])?==\S+", re.MULTILINE)


def canonical(name: str) -> str:
    """A distribution's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(text: str) -> set[str]:
    """The names a requirements.in asks for, without extras, versions and markers."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if line and not line.startswith("-"))
    return {canonical(found.group()) for found in names if found}


def faults(lock_text: str, in_text: str) -> list[str]:
    """What is wrong with one lock file, a line each; empty when it is sound."""
    found = [
        f"line {n} names a host: {line.strip()}"
        for n, line in enumerate(lock_text.splitlines(), 1)
        if HOST.search(line)
    ]
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock_text)
    pins = {canonical(pin.group(1)): entry for entry in entries if (pin := PINNED.match(entry))}
    if not pins:
        found.append("it pins nothing")
    found += [f"{name} has no hash" for name, entry in pins.items() if "--hash=sha256:" not in entry]
    found += [f"{name} is asked for but not locked (make lock)" for name in sorted(asked_for(in_text) - pins.keys())]
    return found


def main() -> int:
    """0 when both lock files are sound, else 1 with the faults on stderr."""
    failed = 0
    for lock, source in LOCKS.items():
        for fault in faults((ROOT / lock).read_text(), (ROOT / source).read_text()):
            print(f"{lock}: {fault}", file=sys.stderr)
            failed = 1
    if not failed:
        print(f"lock files: {', '.join(LOCKS)} hold hashes and no host")
    return failed


if __name__ == "__main__":
    sys.exit(main())
