"""Run a command as an ordinary user from tests that run as root.

The interpreter or the checkout may lie in a folder that only root can enter: in a mount namespace of its own such a
folder gives way to one that holds nothing but these.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from evaluator.fence.view import REPOSITORY

NOBODY = 65534


def needed() -> list[Path]:
    """What the user must be able to read."""
    interpreter = Path(sys.executable).resolve().parents[1]
    return [Path(sys.prefix).resolve(), interpreter, Path(sys.base_prefix).resolve(), REPOSITORY]


def command(words: list[str]) -> list[str]:
    """Return the command that runs `words` as an ordinary user."""
    closed = sorted({up for path in needed() for up in path.parents if not up.stat().st_mode & 0o001})
    lines = ["set -e", "hold=/mnt", "mount -t tmpfs tmpfs /mnt"]  # nothing is left behind
    for top in [each for each in closed if not any(up in closed for up in each.parents)]:
        inside = [path for path in dict.fromkeys(needed()) if top in path.parents]
        for number, path in enumerate(inside):
            lines += [f"mkdir $hold/{number}", f"mount --bind {shlex.quote(str(path))} $hold/{number}"]
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(top))}")
        for number, path in enumerate(inside):
            lines.append(f"mkdir -p {shlex.quote(str(path))}")
            lines.append(f"mount --bind $hold/{number} {shlex.quote(str(path))}")
    user = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups"
    return ["unshare", "--mount", "sh", "-c", "\n".join([*lines, f'exec {user} "$@"']), "sh", *words]


@cache
def why_not() -> str | None:
    """Why no ordinary user can be had here; None if one can."""
    if os.getuid() != 0:
        return "the tests run as an ordinary user already"
    if not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return "unshare, setpriv or mount is missing"
    words = command([sys.executable, "-c", "import os, json; print(os.getuid())"])
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    return None if done.stdout.strip() == str(NOBODY) else f"root may not mount here: {done.stderr.strip()[-200:]}"
