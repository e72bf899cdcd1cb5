"""The first rung: the `bwrap` program gives the child separate namespaces and a separate file tree."""

from __future__ import annotations

from evaluator.fence.view import STUBS, VisiblePaths

NAMESPACES = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
              "--unshare-cgroup-try")  # fmt: skip


def command(view: VisiblePaths, cwd: str) -> list[str]:
    """Return the `bwrap` command line to put before the child's command."""
    size = [] if view.memory_bytes is None else ["--size", str(view.memory_bytes)]
    words = ["bwrap", *NAMESPACES, "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"]
    for path in ("/dev/shm", "/tmp"):  # first: later paths may be under /tmp
        words += [*size, "--tmpfs", path]
    for path in view.read:
        words += ["--ro-bind", path, path]
    for name in STUBS:
        words += ["--ro-bind", f"{view.stubs}/{name}", f"/etc/{name}"]
    words += ["--bind", view.work, view.work]
    for path in view.devices:
        words += ["--dev-bind", path, path]
    for link, to in view.links:
        words += ["--symlink", to, link]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", cwd, "--"]
