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
CHANGES = {
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "setdefault",
    "subtract",
    "update",
}


def module_level(tree):
    """Everything that runs when the module is imported, class bodies included."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        waiting.extend(fields_left_out(node))


def fields_left_out(node):
    """The children; without fields of pydantic's models, each of which gets a copy of its default."""
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.ClassDef) and names_of(node.bases) & {"BaseModel", "RequestModel", "Section"}:
        return [child for child in children if not isinstance(child, ast.AnnAssign)]
    return children


def is_mutable(value):
    """Whether something is made that a count could be kept in: by its name, or as an empty display."""
    if isinstance(value, ast.Call):
        function = value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in MUTABLE
    return isinstance(value, ast.Dict | ast.List) and not [*ast.iter_child_nodes(value)][:1]


def names_of(targets):
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def local_names(function):
    """What a function binds itself, its arguments included."""
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return stored | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


def changed_in(function):
    """Names of what a function changes in place (`x[k] = 1`, `x.n += 1`, `x.append(1)`), with the lines."""
    for node in ast.walk(function):
        changed = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            changed = node.value
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES
        ):
            changed = node.func.value
        if isinstance(changed, ast.Name):
            yield changed.id, node.lineno


def is_kept(function):
    """Whether what a function makes once is given to all its callers."""
    decorators = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
    return any(getattr(one, "attr", getattr(one, "id", "")) in {"cache", "lru_cache"} for one in decorators)


def counters(source):
    """Lines that rebind or change a module's name from a function, or keep something mutable beside them."""
    tree = ast.parse(source)
    found = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)]
    bound = set()
    for node in module_level(tree):
        if isinstance(node, ast.AugAssign):
            found.append(node.lineno)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            bound |= names_of(node.targets if isinstance(node, ast.Assign) else [node.target])
            if is_mutable(node.value):
                found.append(node.lineno)
    for function in functions_of(tree):
        shared = bound - local_names(function)
        found += [line for name, line in changed_in(function) if name in shared]
        if is_kept(function):
            found += [
                node.lineno
                for node in ast.walk(function)
                if isinstance(node, ast.Return) and is_mutable(node.value)
            ]
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
        "USED = {}",
        "class Quota:\n    used: dict[str, int] = {}",
        "USED = {'chat': 0}\ndef use():\n    USED['chat'] += 1",
        "SEEN = ['']\ndef see(name):\n    SEEN.append(name)",
        "STATE = State()\nasync def use():\n    STATE.used += 1",
        "from functools import lru_cache\n@lru_cache(maxsize=1)\ndef used():\n    return Counter()",
    ],
)
def test_the_rule_finds_counters(source):
    assert counters(source)


@pytest.mark.parametrize(
    "source",
    [
        "LIMITS = {'chat': 30}\ndef limit(name):\n    return LIMITS[name]",
        "NAMES = ('a',)\ndef all_names():\n    names = []\n    names.append(NAMES)\n    return names",
        "class Body(BaseModel):\n    details: dict[str, int] = {}",
        "USED = 0\ndef use(USED):\n    USED['a'] = 1",
    ],
)
def test_the_rule_leaves_constants_alone(source):
    assert counters(source) == []
