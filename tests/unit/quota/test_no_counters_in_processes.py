"""No count is kept in a process: with several of them every limit would hold several times over."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted([*(ROOT / "layers/core/footnote").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
MUTABLE = {
    "Counter",
    "OrderedDict",
    "array",
    "bytearray",
    "count",
    "defaultdict",
    "deque",
    "dict",
    "list",
    "set",
}


def module_level(tree):
    """Everything that runs when the module is imported, class bodies included."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def counters(source):
    """Lines that rebind a module's name from a function, or keep something mutable beside functions."""
    tree = ast.parse(source)
    found = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)]
    for node in module_level(tree):
        if isinstance(node, ast.AugAssign):
            found.append(node.lineno)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            function = node.value.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in MUTABLE:
                found.append(node.lineno)
    return found


def test_no_module_keeps_a_count():
    broken = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line in counters(path.read_text())]
    assert broken == []


@pytest.mark.parametrize(
    "source",
    [
        "used = 0\ndef use():\n    global used\n    used += 1",
        "from collections import Counter\nUSED = Counter()",
        "import itertools\n_next = itertools.count()",
        "class Quota:\n    used = dict()",
    ],
)
def test_the_rule_finds_counters(source):
    assert counters(source)
