"""Every RPC of the broker, as a call on the collection `eng` of `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deskhold.client import broker
from deskhold.client.calls import Call
from tests.broker_service.pair import Eng

Build = Callable[..., Call[Any]]

BOB = "bob@contoso.com"
FILE = b"pc-2,CONTOSO\\bob\npc-3,carol@contoso.com\n"

# Each changes something when it is allowed; they take a request id and validate_only besides.
MUTATIONS: dict[str, Build] = {
    "CreateCollection": lambda eng, **rest: broker.create_collection(
        eng.tenant, "lab", type="personal", host_ids=["lab-1"], **rest
    ),
    "DeleteCollection": lambda eng, **rest: broker.delete_collection(eng.name, force=True, **rest),
    "BatchCreateHosts": lambda eng, **rest: broker.add_hosts(eng.name, ["pc-4"], **rest),
    "BatchDeleteHosts": lambda eng, **rest: broker.remove_hosts(
        eng.name, ["pc-1"], force=True, **rest
    ),
    "SetAssignment": lambda eng, **rest: broker.set_assignment(
        eng.name, user=BOB, host_id="pc-1", force=True, **rest
    ),
    "RemoveAssignment": lambda eng, **rest: broker.remove_assignment(
        eng.name, user="alice@contoso.com", **rest
    ),
    "ImportAssignments": lambda eng, **rest: broker.import_assignments(eng.name, FILE, **rest),
    "ImportAssignments with replace": lambda eng, **rest: broker.import_assignments(
        eng.name, FILE, replace=True, **rest
    ),
}


def connect(eng: Eng) -> Call[Any]:
    """Connect, which claims a host, and so changes something too."""
    return broker.connect(eng.name)


EVERYTHING: dict[str, Build] = {**MUTATIONS, "Connect": connect}
READS: dict[str, Build] = {
    "GetCollection": lambda eng: broker.get_collection(eng.name),
    "ListCollections": lambda eng: broker.list_collections(eng.tenant).first,
    "GetHost": lambda eng: broker.get_host(f"{eng.name}/hosts/pc-1"),
    "ListHosts": lambda eng: broker.list_hosts(eng.name).first,
    "ListAssignments": lambda eng: broker.list_assignments(eng.name).first,
    "ExportAssignments": lambda eng: broker.export_assignments(eng.name),
}
