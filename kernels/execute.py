"""Executes a notebook with a real Jupyter client and writes NAME.ipynb and NAME.html into a folder.

    python kernels/execute.py NOTEBOOK.ipynb --out DIR [--env KEY=VALUE]... [--kernel tslab]

The progress of cells and what they print go to stderr. Exit codes: 0 done, 1 a cell failed (the notebook is written with its
error), 2 bad input (also a cell that failed with the library's BadInput), 130 interrupted (the notebook is written as far as it came).
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

PROJECT = Path(__file__).resolve().parent.parent
SECONDS_BETWEEN_PROGRESS_LINES = 5
SECONDS_UNTIL_SECOND_INTERRUPT = 2
SECONDS_BETWEEN_INTERRUPTS = 15  # longer than the kernel lets listening work finish (kernels/3ncore/process.cjs)


class BadInput(Exception):
    """Something the user can mend: one sentence, exit code 2."""


class Interrupted(Exception):
    """The user stopped the run: exit code 130."""


class Terminal:
    """stderr: whole lines, and one line that is rewritten while progress comes (without a terminal, a line now and then)."""

    def __init__(self):
        self.rewritable = sys.stderr.isatty()
        self.pending = False
        self.last_progress = 0.0

    def write(self, text):
        if self.pending:
            sys.stderr.write("\n")
            self.pending = False
        sys.stderr.write(text)
        sys.stderr.flush()

    def line(self, text):
        self.write(text + "\n")

    def progress(self, text):
        if self.rewritable:
            sys.stderr.write("\r\x1b[K" + text)
            sys.stderr.flush()
            self.pending = True
        elif time.monotonic() - self.last_progress >= SECONDS_BETWEEN_PROGRESS_LINES:
            self.last_progress = time.monotonic()
            self.line(text)


class Client(NotebookClient):
    """nbclient that shows what happens and answers SIGINT by interrupting the kernel, so that training can stop and save."""

    def __init__(self, notebook, name, terminal, **options):
        super().__init__(notebook, **options)
        self.name = name
        self.terminal = terminal
        self.interrupted_at = None
        self.code_cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
        self.on_cell_execute = self.announce

    async def async_start_new_kernel(self, **options):
        loop = asyncio.get_running_loop()  # nbclient has just set handlers that kill the kernel: ours replace them
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.interrupt)
        await super().async_start_new_kernel(**options)

    def interrupt(self):
        now = time.monotonic()
        if self.interrupted_at is None:
            self.interrupted_at = now
            self.terminal.line("interrupting the running cell (once more ends it at once)")
            self.stopping = asyncio.ensure_future(self.interrupt_until_it_stops())
        elif now - self.interrupted_at > SECONDS_UNTIL_SECOND_INTERRUPT:  # sooner: one key press that came twice
            self.stopping = asyncio.ensure_future(self.km.shutdown_kernel(now=True))

    async def interrupt_until_it_stops(self):
        """A signal that comes while a cell is being compiled can be lost."""
        while self.km is not None and self.km.has_kernel:
            await self.km.interrupt_kernel()
            await asyncio.sleep(SECONDS_BETWEEN_INTERRUPTS)

    def _cleanup_kernel(self):
        """At exit nbclient ends a kernel that is left; it has none when the interrupt came before one was there."""
        if self.km is not None:
            super()._cleanup_kernel()

    def announce(self, cell, cell_index):
        if self.interrupted_at is not None:
            raise Interrupted
        self.terminal.line(f"[{self.name} {self.code_cells.index(cell_index) + 1}/{len(self.code_cells)}] {first_line(cell)}")

    def process_message(self, msg, cell, cell_index):
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self.terminal.write(content["text"])
        elif "progress" in content.get("metadata", {}):  # lib/src/jupyter/progress.ts
            self.terminal.progress(content["metadata"]["progress"])
        return super().process_message(msg, cell, cell_index)


def first_line(cell):
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    line = lines[0] if lines else ""
    return line if len(line) <= 100 else line[:99] + "…"


def read_notebook(path):
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise BadInput(f"{path}: expected a notebook, found no such file.") from None
    except Exception as error:
        raise BadInput(f"{path}: expected a Jupyter notebook, got something else ({error}).") from None


def write_whole(path, text):
    """Writes a file that appears under its name only when it is whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_results(notebook, name, folder):
    html, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": name}})
    write_whole(folder / f"{name}.ipynb", nbformat.writes(notebook))
    write_whole(folder / f"{name}.html", html)


def failed_cell(notebook):
    """Index and error output of the cell that failed; a kernel without error messages gives no error output."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return index, output
    return None


def failure_of(notebook, name, error):
    """The sentence about a failed run and its exit code."""
    found = failed_cell(notebook)
    if found is None:
        return f"{name}.ipynb failed: {' '.join(str(error).split())[-300:]}", 1
    index, output = found
    sentence = f"{name}.ipynb, cell {index + 1}: {output.ename}: {output.evalue}"
    return sentence, 2 if output.ename == "BadInput" else 1


async def execute(client, terminal):
    """Runs all cells; returns the exit code and leaves outputs and widget state in the notebook."""
    notebook, name = client.nb, client.name
    try:
        await client.async_execute()
        return 0
    except NoSuchKernel:
        raise BadInput(f'no Jupyter kernel is named "{client.kernel_name}"; run "node kernels/setup.mjs".') from None
    except (CellExecutionError, DeadKernelError, Interrupted, RuntimeError) as error:
        if client.interrupted_at is not None:
            terminal.line(f"{name}.ipynb was interrupted.")
            return 130
        sentence, code = failure_of(notebook, name, error)
        terminal.line(sentence)
        return code
    finally:
        client.set_widgets_metadata()


def parse(arguments):
    parser = argparse.ArgumentParser(description="Executes a notebook and writes it, with its HTML, into a folder.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--env", action="append", default=[], metavar="KEY=VALUE", help="a variable of the kernel's environment")
    parser.add_argument("--kernel", default="tslab", metavar="NAME")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    for entry in options.env:
        key, equals, value = entry.partition("=")
        if not (key and equals):
            raise BadInput(f"--env: expected KEY=VALUE, got {entry!r}.")
        os.environ[key] = value  # the kernel inherits it
    notebook = read_notebook(options.notebook)
    name = options.notebook.stem
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {options.out}: expected a folder that can be written, got {error.strerror}.") from None
    terminal = Terminal()
    folder = PROJECT / "notebooks" if (PROJECT / "notebooks").is_dir() else PROJECT
    client = Client(
        notebook,
        name,
        terminal,
        timeout=None,
        kernel_name=options.kernel,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    code = asyncio.run(execute(client, terminal))
    try:
        write_results(notebook, name, options.out)
    except OSError as error:
        raise BadInput(f"--out {options.out}: expected a folder that can be written, got {error.strerror}.") from None
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BadInput as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
