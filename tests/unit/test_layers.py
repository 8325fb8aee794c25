"""Owns the proof that the package keeps its shape: who may import whom, and how long anything may get."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pftop"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_FUNCTION_LINES_WITH_DOCSTRING = 60

LEAVES = {"text", "formatting", "options", "report", "causes"}
ALLOWED: dict[str, set[str]] = {
    "text": set(),
    "options": set(),
    "formatting": {"text"},
    "mappings": {"text"},
    "events": {"text", "mappings"},
    "records": {"events"},
    "causes": set(),
    "model": {"model", "events", "records", "mappings", "text", "formatting", "causes"},
    "source": {"source", "events", "records", "mappings", "text", "causes"},
    "ui": {"ui", "model", "events", "mappings", *LEAVES},
    "batch": {"batch", "model", "events", *LEAVES},
    "doctor": {"doctor", "source", "model", "events", *LEAVES},
    "lab": {"lab", *LEAVES},
    "arguments": {"options"},
    "output": set(),
    "command": {"batch", "source", "events", *LEAVES},
    "report": {"events"},
    "opening": {"source", "options", "text"},
    "session": {"command", "opening", "output", "ui", "batch", "source", "model", "events", *LEAVES},
    "cli": {"arguments", "session", "doctor", "lab", "ui", "model", "events", *LEAVES},
    "__main__": {"cli"},
    "__init__": set(),
}
FOREIGN_HOME = {"bcc": "pftop/source/bcc_module.py", "textual": "pftop/ui/", "rich": "pftop/ui/"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST, path: Path) -> set[str]:
    """Dotted names of everything a module imports, wherever in it the import stands."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def run_on_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The imports that run when a module is loaded: none inside a function or for the type checker alone."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try) and "TYPE_CHECKING" not in ast.unparse(node).split("\n")[0]:
            yield from run_on_import([child for child in ast.walk(node) if isinstance(child, ast.stmt)][1:])


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules_among(names: set[str], known: set[str]) -> set[str]:
    """The modules that dotted names stand for: ``a.b.c`` is ``a.b`` when ``c`` is something inside it."""
    return {name if name in known else name.rpartition(".")[0] for name in names} & known


def layers_used(names: set[str]) -> set[str]:
    """Our layers among the imported names; ``from pftop import __version__`` uses none."""
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "pftop" and len(part) > 1} - {"__version__"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def too_long(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    documented = ast.get_docstring(node) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return total - docstring > MAX_FUNCTION_LINES or total > MAX_FUNCTION_LINES_WITH_DOCSTRING


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    layer = layer_of(path)
    assert layer in ALLOWED, f"{layer} has no place in the order of layers"
    assert layers_used(imported(parsed(path), path)) <= ALLOWED[layer]


def test_no_module_needs_itself_to_load() -> None:
    known = {dotted(path) for path in MODULES}
    graph = {}
    for path in MODULES:
        tree = ast.Module(list(run_on_import(parsed(path).body)), [])
        graph[dotted(path)] = modules_among(imported(tree, path), known) - {"pftop", dotted(path)}
    assert graph["pftop.model.table"] >= {"pftop.model.query", "pftop.events"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_foreign_packages_stay_in_their_place(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(parsed(path), path)}
    strangers = {root for root in roots & set(FOREIGN_HOME) if not name_of(path).startswith(FOREIGN_HOME[root])}
    assert strangers == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_say_what_they_own_and_stay_short(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), "no docstring"
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_MODULE_LINES
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [function.name for function in functions if too_long(function)] == []


LIGHT = [
    *sorted(f"pftop.model.{path.stem}" for path in (PACKAGE / "model").glob("[!_]*.py")),
    *(
        f"pftop.{name}"
        for name in ("text", "formatting", "options", "events", "source.plan", "cli")
        if (PACKAGE / name.replace(".", "/")).with_suffix(".py").exists()
    ),
]


@pytest.mark.parametrize("module", LIGHT)
def test_importing_needs_neither_textual_nor_bcc(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'textual', 'rich', 'bcc'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("code", "layers"),
    [
        ("from pftop.ui import app", {"ui"}),
        ("from pftop.ui.app import App", {"ui"}),
        ("import pftop.source.plan", {"source"}),
        ("from pftop import text, __version__", {"text"}),
        ("from . import snapshot", {"model"}),
        ("from ..source import plan", {"source"}),
        ("def late():\n    from pftop import cli", {"cli"}),
        ("import numpy", set()),
    ],
)
def test_every_way_to_import_is_seen(code: str, layers: set[str]) -> None:
    assert layers_used(imported(ast.parse(code), PACKAGE / "model" / "any.py")) == layers


@pytest.mark.parametrize(
    ("body", "docstring", "refused"), [(39, 0, False), (40, 0, True), (39, 20, False), (39, 21, True)]
)
def test_long_functions_are_seen(body: int, docstring: int, refused: bool) -> None:
    text = ['    """' + "\n" * (docstring - 1) + '    """'] if docstring else []
    code = "\n".join(["def long():", *text, *["    pass"] * body])
    function = ast.parse(code).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert too_long(function) is refused
