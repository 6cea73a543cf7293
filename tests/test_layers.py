"""Which packages may use which: the lower ones know nothing of the higher ones."""

import ast
from pathlib import Path

import pytest

import gapt

MAY_USE = {
    "music": set(),
    "weights": set(),
    "models": {"music", "weights"},
    "corpora": {"music"},
    "evaluation": {"music", "models", "corpora"},
    "training": {"music", "models", "corpora", "evaluation", "weights"},
    "live": {"music", "weights"},
    "cli": {"corpora", "models", "evaluation", "training", "live", "weights"},
}
EVERYONE = {"errors", "files"}
ROOT = Path(gapt.__file__).parent


def used(module):
    """The parts of gapt that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("gapt."))


@pytest.mark.parametrize("package", MAY_USE)
def test_a_package_uses_only_those_below_it(package):
    modules = list((ROOT / package).rglob("*.py"))
    assert modules
    for module in modules:
        beyond = set(used(module)) - MAY_USE[package] - EVERYONE - {package}
        assert not beyond, f"{module.relative_to(ROOT)} uses {beyond}"


def test_every_package_has_its_place():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == MAY_USE.keys()
