"""Our Python sources as syntax trees, generated code left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from tests.docs.tables import ROOT

PACKAGES = ("broker_service", "deskhold", "rbac_service")


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of ours, by its path from the root."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    named = ((str(path.relative_to(ROOT)), path) for path in paths)
    return {
        name: ast.parse(path.read_text("utf-8"))
        for name, path in named
        if not name.startswith("deskhold/api/")
    }


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the last part of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield every string but docstrings."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        found = text(node)
        if found is not None and id(node) not in documentation:
            yield found


def text(node: ast.AST | None) -> str | None:
    """Return the value of a string literal, None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return a keyword argument of a call, None when it is not given."""
    return next((one.value for one in call.keywords if one.arg == name), None)
