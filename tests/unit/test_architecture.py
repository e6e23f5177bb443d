"""The rules of the house that import-linter cannot say."""

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core" / "footnote"
AREAS = (
    "identity", "quota", "billing", "knowledge", "models", "chat", "evaluation", "security", "operations",
)  # fmt: skip
HANDLER_LINES = 60


def _imports(path):
    """(module, line) of every import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)


def _area_files():
    return [path for area in AREAS for path in sorted((CORE / area).rglob("*.py"))]


def test_areas_know_each_other_only_by_what_they_export():
    broken = []
    for path in _area_files():
        own = path.relative_to(CORE).parts[0]
        for module, line in _imports(path):
            parts = module.split(".")
            foreign = parts[0] == "footnote" and len(parts) > 2 and parts[1] in AREAS and parts[1] != own
            if foreign:
                broken.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not broken, "\n".join(broken)


def test_areas_never_import_stores():
    broken = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in _area_files()
        for module, line in _imports(path)
        if module.startswith("footnote.stores")
    ]
    assert not broken, "\n".join(broken)


def test_functions_do_not_know_each_other():
    broken = []
    for path in sorted((ROOT / "functions").glob("*/**/*.py")):
        own = path.relative_to(ROOT / "functions").parts[0]
        for module, line in _imports(path):
            parts = module.split(".")
            if parts[0] == "functions" and len(parts) > 1 and parts[1] != own:
                broken.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not broken, "\n".join(broken)


def test_every_function_has_a_manifest_and_a_thin_handler():
    folders = [path for path in (ROOT / "functions").iterdir() if (path / "__init__.py").exists()]
    assert folders
    for folder in folders:
        assert (folder / "function.toml").exists(), folder.name
        for handler in folder.glob("handler.py"):
            lines = len(handler.read_text().splitlines())
            assert lines <= HANDLER_LINES, f"{handler.relative_to(ROOT)} has {lines} lines"


def _mutable_globals(path):
    """Module-level names bound to a literal list, dict or set that is not constant by name."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            for target in targets:
                name = getattr(target, "id", "")
                if name and name != "__all__" and not name.lstrip("_").isupper():
                    yield name, node.lineno


def test_no_mutable_module_state():
    sources = [*CORE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    broken = [
        f"{path.relative_to(ROOT)}:{line} {name}" for path in sources for name, line in _mutable_globals(path)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.timeout(120)
def test_importing_any_module_needs_no_environment():
    names = [
        module.name
        for module in pkgutil.walk_packages([str(CORE)], "footnote.")
        if ".migrations" not in module.name
    ]
    assert len(names) > 20
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    environment = {"PYTHONPATH": f"{CORE.parent}{os.pathsep}{ROOT}", "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-c", program, *names], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
