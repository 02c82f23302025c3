"""Parameters for TypeScript notebooks: papermill itself writes them only for Python, R, Scala, Julia and others.

papermill imports this module through the entry point in the dist-info folder beside it, once this folder is on Python's path
(set-up adds it to .venv; elsewhere `PYTHONPATH=kernels/papermill papermill IN.ipynb OUT.ipynb --cwd notebooks -p x 3`).
"""

import json
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


class TypeScriptTranslator(Translator):
    """Writes parameters as `var name = JSON;`: unlike `let`, accepted after the default that an earlier cell declares."""

    DECLARATION = re.compile(r"^\s*(?:let|var|const)\s+(\w+)\s*(?::\s*([^=]+?))?\s*=\s*(.*?);?\s*(?://\s*(.*))?$")

    @classmethod
    def translate(cls, val):
        return json.dumps(val, ensure_ascii=False, default=str)  # NaN and Infinity come out as JavaScript's names

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".rstrip()

    @classmethod
    def assign(cls, name, str_val):
        return f"var {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        """The parameters with their defaults, for `papermill --help-notebook`."""
        matches = filter(None, map(cls.DECLARATION.match, parameters_cell["source"].splitlines()))
        return [Parameter(m[1], m[2] or "None", m[3], m[4] or "") for m in matches]


for kernel_or_language in ("tslab", "typescript"):
    papermill_translators.register(kernel_or_language, TypeScriptTranslator)


class Engine(NBClientEngine):
    """papermill has entry points for engines, not for translators: this one, papermill's own, brings the translator along."""
