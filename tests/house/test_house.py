"""The house keeps its own rules: public names, rooms, sizes, words."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

import sequela

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "sequela"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "sequela.")
    if not module.name.endswith(("__main__", "libsequela"))  # the library is no Python module
)
# Data that rides along with the code: rooms of declarations hold no module of their own.
SOURCE_LINES = 500


def _tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\n") if name and (ROOT / name).exists()]


def _assigned_names(path: Path) -> tuple[list[str] | None, set[str]]:
    """``__all__`` and the public names that the file itself defines."""
    exported, defined = None, set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if "__all__" in names and node.value is not None:
                exported = list(ast.literal_eval(node.value))
            defined.update(names)
    return exported, {name for name in defined if not name.startswith("_")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_public_names_equal_all(path: Path):
    exported, defined = _assigned_names(path)
    assert exported is not None, f"{path.relative_to(ROOT)} has no __all__"
    assert len(exported) == len(set(exported))
    if path.name != "__init__.py":
        assert defined <= set(exported), f"not in __all__ of {path.relative_to(ROOT)}"


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists(name: str):
    module = importlib.import_module(name)
    missing = [item for item in module.__all__ if not hasattr(module, item)]
    assert not missing, f"{name} exports what it does not hold: {missing}"


def test_every_module_states_its_subject():
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_empty_rooms():
    for folder in [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())]:
        if folder.name == "__pycache__":
            continue
        files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        assert any(path.name != "__init__.py" for path in files), f"{folder} is empty"


@pytest.mark.parametrize("kind", ["sources", "tasks"])
def test_rooms_of_sources_and_tasks_are_furnished(kind: str):
    rooms = [path for path in (PACKAGE / kind).iterdir() if path.is_dir() and path.name[0] != "_"]
    assert rooms
    for room in rooms:
        main = "read.py" if kind == "sources" else "task.yaml"
        for needed in ("README.md", main, "example"):
            assert (room / needed).exists(), f"{room.relative_to(ROOT)} lacks {needed}"
        assert any((room / "example").iterdir()), f"{room.relative_to(ROOT)}/example is empty"


def test_source_files_stay_small():
    for path in _tracked("*.py", "*.h", "*.cpp"):
        assert len(path.read_text().splitlines()) <= SOURCE_LINES, path


def test_no_large_files():
    for path in _tracked():
        # The tagger that is shipped may have two.
        most = (2 if path.parent == PACKAGE / "deid" / "model" else 1) << 20
        assert path.stat().st_size <= most, path


def test_nothing_dangerous_in_the_package():
    words = r"\b(pickle|cloudpickle|joblib\.load|torch\.load|torch\.save)\b|(^|[^.\w])(eval|exec)\("
    for path in PACKAGE.rglob("*.py"):
        code = "\n".join(
            line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")
        )
        tree = ast.parse(code)
        for node in ast.walk(tree):  # docstrings may say "no pickle"
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ""
        assert not re.search(words, ast.unparse(tree), re.MULTILINE), path


def test_nothing_of_one_machine_in_the_tree():
    words = re.compile(r"(^|[\s\"'=(])/(work|root|home)/|\.\./shared")
    for path in _tracked("*.py", "*.md", "*.toml", "*.yaml", "*.txt", "Makefile", "*.h", "*.cpp"):
        if path != Path(__file__).resolve():
            assert not words.search(path.read_text()), path


def test_the_version_stands_in_one_place_each():
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{sequela.__version__}"' in text
    assert f"VERSION {sequela.__version__} " in (ROOT / "CMakeLists.txt").read_text()


def test_torch_is_pinned_in_the_constraints_alone():
    assert re.search(r"^torch==2\.13\.0$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert "torch==" not in (ROOT / "pyproject.toml").read_text()
