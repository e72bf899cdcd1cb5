"""Write the exact versions of every requirements.in to the requirements.txt beside it: one set that fits together.

Run `.venv/bin/python tools/compile_requirements.py` after a change to a range; what is pinned stays as it is if it
still fits. `--upgrade` takes the newest versions that the ranges allow, `--upgrade PACKAGE …` those of some packages.

All files are resolved together first, then each is cut from that one set, so installing two of them never moves a
version. The set holds for Python 3.11 to 3.13 (environment markers where they differ).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    "requirements.in",
    "evaluator/requirements.in",
    "evaluator/requirements-ray.in",
    "evaluator/requirements-quantised.in",
    "tests/requirements.in",
)
PYTHON = "3.11"  # the oldest one that must work; `--universal` covers the newer ones
TORCH = "torch==2.13.0"  # the build differs by machine, so the number is chosen here and not by what is newest
# What a Space's build adds to the same install: the pins must leave room for it.
SPACE = ("gradio[mcp,oauth]", "spaces", "uvicorn>=0.14", "websockets>=10.4")
# The parts of torch's CUDA build. torch itself asks for those it needs, so a machine without a card never fetches them.
CUDA = re.compile(r"^(nvidia-(?!ml-py)|cuda-|triton)", re.IGNORECASE)

HEADER = """\
# The exact versions that were tested, for Python 3.11 to 3.13.
# Written from {source} by tools/compile_requirements.py: change the ranges there, then run it.
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", nargs="*", metavar="PACKAGE", help="take the newest versions, of these or of all")
    upgrade = parser.parse_args(argv).upgrade
    with TemporaryDirectory() as folder:
        everything = resolve_together(Path(folder), upgrade)
        compiled = {source: resolve(source, everything) for source in SOURCES}
    for source, lines in compiled.items():
        target = ROOT / source.replace(".in", ".txt")
        text = HEADER.format(source=source) + "\n".join(lines) + "\n"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            print(f"{target.relative_to(ROOT)}: {len(lines)} exact versions")
    write_sdk_version(compiled["requirements.in"])


def resolve_together(folder: Path, upgrade: list[str] | None) -> Path:
    """Return a constraints file with one version of every package that any of the files needs.

    Args:
        folder: Where to write it.
        upgrade: Packages that may move; all of them if empty, none if None.
    """
    extra, pins, together = folder / "space.in", folder / "pins.txt", folder / "together.txt"
    extra.write_text("\n".join((TORCH, *SPACE)) + "\n", encoding="utf-8")
    if upgrade is None or upgrade:  # uv keeps what the output file already pins
        together.write_text("\n".join(sorted(pinned() - {*upgrade_lines(upgrade)})) + "\n", encoding="utf-8")
    run_uv([*SOURCES, str(extra), "--output-file", str(together)])
    pins.write_text("\n".join(versions(together.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
    return pins


def pinned() -> set[str]:
    """Return the lines that the compiled files hold now."""
    targets = [ROOT / source.replace(".in", ".txt") for source in SOURCES]
    return {line for target in targets if target.exists() for line in versions(target.read_text(encoding="utf-8"))}


def upgrade_lines(upgrade: list[str] | None) -> set[str]:
    """Return the pinned lines of the packages named in `upgrade`."""
    names = {normalise(name) for name in upgrade or ()}
    return {line for line in pinned() if normalise(line.partition("==")[0]) in names}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).strip().lower()


def resolve(source: str, constraints: Path) -> list[str]:
    """Return the exact versions of one file, without the parts of torch's CUDA build."""
    text = run_uv([source, "--constraints", str(constraints), "--output-file", "-"])
    return [line for line in versions(text) if not CUDA.match(line)]


def versions(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def run_uv(arguments: list[str]) -> str:
    """Run `uv pip compile` in the repository's root; return what it prints. Exit with its message if it fails."""
    target = arguments.index("--output-file")
    options = arguments if arguments[target + 1] != "-" else [*arguments[:target], *arguments[target + 2 :]]
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--universal"]
    command += ["--python-version", PYTHON, "--fork-strategy", "fewest", "--no-emit-index-url", "--no-config", *options]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def write_sdk_version(board: list[str]) -> None:
    """Make `sdk_version` in the README's head the pinned Gradio: a Space installs both."""
    gradio = next(line for line in board if re.match(r"gradio\[|gradio==", line)).partition("==")[2].split()[0]
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    new = re.sub(r"^sdk_version: .*$", f"sdk_version: {gradio}", text, count=1, flags=re.MULTILINE)
    if new != text:
        readme.write_text(new, encoding="utf-8")
        print(f"README.md: sdk_version {gradio}")


if __name__ == "__main__":
    main()
