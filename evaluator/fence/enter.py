"""`python -P -m evaluator.fence.enter PLAN COMMAND …`: restrict this process, then become COMMAND.

PLAN is JSON: the rung and the view. Import only the standard library and this package: this code still has the rights
of the evaluator.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import NoReturn

from evaluator.fence import landlock, namespaces, seccomp, supervisor, syscalls
from evaluator.fence.view import OF_PROCESSES, VisiblePaths

BUBBLEWRAP, NAMESPACES, LANDLOCK = "bubblewrap", "namespaces", "landlock"
SEPARATE = (BUBBLEWRAP, NAMESPACES)  # rungs with a separate file tree, process list and network


def plan(rung: str, view: VisiblePaths) -> str:
    """Return the first argument of this program."""
    return json.dumps({"rung": rung, "view": view.__dict__})


def main(rung: str, view: VisiblePaths, command: list[str]) -> NoReturn:
    """Apply the restrictions of a rung and become `command`. Exit with 125 and a message if the kernel refuses."""
    try:
        if rung == NAMESPACES:
            cwd = os.getcwd()
            namespaces.build(view)
            os.chdir(cwd)
        if rung == BUBBLEWRAP:  # bwrap supervises the child itself
            _become(rung, view, command)
        supervisor.run(lambda: _become(rung, view, command), scoped=rung == LANDLOCK)
    except OSError as error:
        print(f"the sandbox cannot be applied: {error}", file=sys.stderr, flush=True)
        os._exit(125)


def _become(rung: str, view: VisiblePaths, command: list[str]) -> NoReturn:
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.drop_capabilities()
    abi = landlock.version()
    shared = rung not in SEPARATE
    if abi or shared:
        landlock.restrict(_rules(rung, view), abi, network=shared)
    seccomp.apply(seccomp.Shared(os.getpid(), abi) if shared else None)
    os.execv(command[0], command)


def _rules(rung: str, view: VisiblePaths) -> list[tuple[str, int]]:
    rules = [(view.work, landlock.WRITE)]
    if rung in SEPARATE:  # the file tree contains only what the child may read
        rules += [("/", landlock.READ), ("/dev", landlock.DEVICE)]
        return rules + [(path, landlock.WRITE) for path in ("/tmp", "/dev/shm")]
    rules += [(path, landlock.READ) for path in (*view.read, *(f"/proc/{name}" for name in OF_PROCESSES))]
    # /proc/self must stay open: the kernel recreates unused folders of /proc, and the rule would be lost
    os.set_inheritable(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY), True)
    return rules + [(path, landlock.DEVICE) for path in view.devices]


def start(arguments: list[str]) -> NoReturn:
    """Run `main` with the plan and the command from the command line."""
    fields = json.loads(arguments[0])
    links = tuple((link, to) for link, to in fields["view"].pop("links"))
    main(fields["rung"], VisiblePaths(links=links, **fields["view"]), arguments[1:])


if __name__ == "__main__":
    start(sys.argv[1:])
