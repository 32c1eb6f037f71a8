"""What others may rely on. A name that comes or goes here is a decision, not an accident."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import deskhold
from deskhold import errors
from deskhold.api.errors.v1 import error_reason_pb2

ROOT = Path(deskhold.__file__).parents[1]

PUBLIC = {
    "deskhold/errors.py": {
        "Aborted",
        "AlreadyExists",
        "DeadlineExceeded",
        "DeskholdError",
        "FailedPrecondition",
        "FieldViolation",
        "Internal",
        "InvalidArgument",
        "NotFound",
        "Obstacle",
        "PermissionDenied",
        "ResourceExhausted",
        "Unauthenticated",
        "Unavailable",
        "Unimplemented",
    },
    "deskhold/status.py": {
        "DETAILS_KEY",
        "DOMAIN",
        "REQUEST_ID_KEY",
        "code_of",
        "from_rpc_error",
        "from_status",
        "to_status",
    },
    "deskhold/names.py": {
        "DEPLOYMENT_SCOPE",
        "DESKTOP_APP_GROUP",
        "ID_PATTERN",
        "Kind",
        "Name",
        "SCOPE_KINDS",
        "ancestors",
        "contains",
        "fold_id",
        "is_id",
        "parse",
        "parse_scope",
        "quoted",
    },
    "deskhold/identities.py": {
        "Domains",
        "MAX_LENGTH",
        "Principal",
        "PrincipalKind",
        "UserNameFormat",
    },
    "deskhold/tls.py": {"client_credentials", "server_credentials"},
    "deskhold/channel.py": {
        "Endpoint",
        "MAX_MESSAGE_BYTES",
        "call_metadata",
        "explain",
        "open_async",
        "open_sync",
    },
}


def public_names(path: Path) -> set[str]:
    """Return what a module defines itself, without a leading underscore."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_of_a_shared_module_are_these(module: str) -> None:
    assert public_names(ROOT / module) == PUBLIC[module]


def reasons_given_in(path: Path) -> set[str]:
    """Return the reasons that a module writes out where it raises."""
    return {
        node.value.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword)
        and node.arg == "reason"
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


PUBLISHED = {
    name.removeprefix("ERROR_REASON_")
    for name in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118
}


def test_every_reason_that_a_service_gives_is_published() -> None:
    folders = (ROOT / "rbac_service", ROOT / "broker_service", ROOT / "deskhold" / "chassis")
    given = {
        reason
        for folder in folders
        for path in folder.rglob("*.py")
        for reason in reasons_given_in(path)
    }

    assert given - PUBLISHED == set()
    assert given  # there is something to compare


def test_every_reason_that_goes_without_saying_is_published() -> None:
    # NOT_FOUND and the like have no reason of their own: whoever raises one must say which.
    defaults = {cls.default_reason for cls in errors.DeskholdError.__subclasses__()}

    assert defaults <= PUBLISHED


@pytest.mark.parametrize("cls", [errors.NotFound, errors.AlreadyExists, errors.FailedPrecondition])
def test_a_service_never_raises_these_without_saying_why(cls: type[errors.DeskholdError]) -> None:
    silent = [
        f"{path}:{node.lineno}"
        for folder in ("rbac_service", "broker_service", "deskhold/chassis")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == cls.__name__
        and not any(keyword.arg == "reason" for keyword in node.keywords)
    ]

    assert silent == []
