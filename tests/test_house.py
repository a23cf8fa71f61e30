"""The laws of the house, enforced on its source: see `dispatcher/__init__.py` and the packages' docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.store import statements

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dispatcher"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

FLOORS = [
    {"model", "errors"},
    {"config", "policy"},
    {"store", "transport", "observe", "embedded"},
    {"pipeline"},
    {"admin"},
    {"daemon"},
    {"cli", "__main__"},
]
HANDS = FLOORS[2]
STAGES_MAY_SHARE = {"lanes", "directory", "wakeup", "loop", "deliver", "filters"}
LONGEST = 300


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(module: str) -> str:
    """The room of `dispatcher.store.session` is `store`."""
    return module.split(".")[1] if "." in module else ""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "dispatcher" or node.module.count(".") == 1:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(room_name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room_name in rooms)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_imports_its_own_floor_or_one_below(path):
    here = room(name_of(path))
    if not here:
        return
    for module in imports(path):
        there = room(module) if module.startswith("dispatcher.") else ""
        if not there or not any(there in rooms for rooms in FLOORS):
            continue  # not ours, or a plain name such as dispatcher.__version__
        assert floor(there) <= floor(here), f"{module} is above"
        assert there == here or not {there, here} <= HANDS, f"{module}: one hand reaches into another"


@pytest.mark.parametrize("path", sorted((PACKAGE / "pipeline").glob("*.py")), ids=relative)
def test_stages_do_not_import_each_other(path):
    for module in imports(path):
        if module.startswith("dispatcher.pipeline."):
            assert module.split(".")[2] in STAGES_MAY_SHARE, module


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("asyncpg", {"store"}),
        ("aiohttp", {"transport", "admin"}),
        ("structlog", None),
        ("subprocess", {"embedded"}),
    ],
)
def test_each_hand_touches_its_own_world(library, only):
    users = {room(name_of(path)) for path in MODULES if any(m.split(".")[0] == library for m in imports(path))}
    if only is not None:
        assert users - {"cli"} == only
    assert not users & {"policy", "model"}


@pytest.mark.parametrize("path", MODULES + TESTS, ids=relative)
def test_no_module_outgrows_one_idea(path):
    length = len(path.read_text().splitlines())
    assert length <= LONGEST, f"{length} lines: two ideas"


@pytest.mark.parametrize("path", sorted((PACKAGE / "policy").glob("*.py")), ids=relative)
def test_judgement_has_no_clock_dice_or_loop(path):
    forbidden = {"time", "random", "asyncio", "socket", "structlog", "os", "secrets"}
    assert not forbidden & {module.split(".")[0] for module in imports(path)}
    tree = ast.parse(path.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


def test_the_river_has_one_loop():
    endless = [
        relative(path)
        for path in (PACKAGE / "pipeline").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant)
    ]
    assert endless == ["dispatcher/pipeline/loop.py"]


def test_every_task_has_an_owner():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "create_task":
                owner = ast.unparse(node.func.value)
                assert owner in {"tasks", "self._tasks"}, f"{relative(path)}: {owner}.create_task"


def test_sql_lives_in_files():
    for path in MODULES:
        if path.name == "migrate.py" or room(name_of(path)) == "cli":
            continue  # one speaks to a database without our schema, the other shows people what to type
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lower()
                assert not re.match(
                    r"\s*(select\s.+\sfrom|insert into|update\s.+\sset|delete from)\s", text, re.DOTALL
                ), f"{relative(path)}: {node.value[:60]}"


def test_every_statement_is_used():
    source = "\n".join(path.read_text() for path in MODULES)
    unused = [name for name in statements.names() if f'"{name}"' not in source]
    assert not unused


def test_every_statement_that_is_named_is_there():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"fetch", "value"}
            ):
                named = node.args[0] if node.args else None
                if isinstance(named, ast.Constant) and re.fullmatch(r"[a-z_]+", str(named.value)):
                    assert named.value in statements.names(), f"{relative(path)}: {named.value}"


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_tests_wait_on_facts_and_never_on_time(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"asyncio.sleep", "time.sleep"}:
            named = path.name in {"eventually.py", "receiver.py", "wire.py", "dns.py"} or "bench" in path.parts
            assert named, f"line {node.lineno}: wait for what you are waiting for"


def test_nothing_unfinished_and_no_rejected_word_in_a_name():
    for path in MODULES:
        assert not re.search(r"manager|helper|utils?$", path.stem), relative(path)
        assert not re.search(r"\b(TODO|FIXME|XXX|NotImplemented)\b", path.read_text()), relative(path)
