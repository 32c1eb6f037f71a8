"""The broker's methods as functions from plain arguments to calls.

Names are full resource names: a collection is
`tenantGroups/default/tenants/default/collections/eng`. A mutation takes a `request_id`, a UUID; one
is made when none is given. Calling again with the same one returns the first answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Literal

from google.protobuf.empty_pb2 import Empty

from deskhold import names
from deskhold.api.broker.v1 import assignments_pb2, collections_pb2, hosts_pb2, sessions_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing

# Thousands of rows, each checked and written before the answer.
_IMPORT_TIMEOUT_SECONDS = 120.0


def create_collection(
    parent: str,
    collection_id: str,
    *,
    type: Literal["personal", "pooled"],
    display_name: str = "",
    description: str = "",
    auto_assign_user: bool = False,
    grant_administrative_privilege: bool = False,
    max_desktops_per_user: int = 0,
    host_ids: Iterable[str] = (),
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[collections_pb2.Collection]:
    """Create a collection in a tenant, with its first hosts, all or nothing.

    Raises:
        InvalidArgument: A flag of personal collections is set on a pooled one, or a name is wrong.
        AlreadyExists: There is one of this name.
        FailedPrecondition: A host is in another collection, or the name is still being removed.
    """
    collection = collections_pb2.Collection(
        type=collections_pb2.CollectionType.Value(f"COLLECTION_TYPE_{type.upper()}"),
        display_name=display_name,
        description=description,
        auto_assign_user=auto_assign_user,
        grant_administrative_privilege=grant_administrative_privilege,
        max_desktops_per_user=max_desktops_per_user,
    )
    request = collections_pb2.CreateCollectionRequest(
        parent=parent,
        collection_id=collection_id,
        collection=collection,
        host_ids=host_ids,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, collections_pb2.Collection)


def get_collection(name: str) -> Call[collections_pb2.Collection]:
    """Return one collection.

    Raises:
        NotFound: There is none.
    """
    return Call(collections_pb2.GetCollectionRequest(name=name), collections_pb2.Collection)


def list_collections(
    parent: str, *, page_size: int = PAGE_SIZE
) -> Listing[collections_pb2.Collection]:
    """Iterate over the collections of a tenant, by id."""
    request = collections_pb2.ListCollectionsRequest(parent=parent, page_size=page_size)
    return Listing(
        Call(request, collections_pb2.ListCollectionsResponse), lambda page: page.collections
    )


def delete_collection(
    name: str,
    *,
    etag: str = "",
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[Empty]:
    """Delete a collection; with force even one with hosts, whose assignments end.

    Raises:
        NotFound: There is none.
        FailedPrecondition: It has hosts, and force is not set.
        Aborted: It is not the version of the etag.
    """
    request = collections_pb2.DeleteCollectionRequest(
        name=name,
        etag=etag,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def add_hosts(
    parent: str,
    hosts: Iterable[str | hosts_pb2.NewHost],
    *,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.BatchCreateHostsResponse]:
    """Add hosts to a collection, all or nothing: ids, or messages for hosts with more to say.

    Hosts that are there already stay as they are. At most 10,000.

    Raises:
        NotFound: There is no such collection.
        AlreadyExists: A host is there with another address or port.
        FailedPrecondition: A host is in another collection.
    """
    request = hosts_pb2.BatchCreateHostsRequest(
        parent=parent,
        hosts=[hosts_pb2.NewHost(host_id=one) if isinstance(one, str) else one for one in hosts],
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.BatchCreateHostsResponse)


def get_host(name: str) -> Call[hosts_pb2.Host]:
    """Return one host.

    Raises:
        NotFound: There is no such collection or host.
    """
    return Call(hosts_pb2.GetHostRequest(name=name), hosts_pb2.Host)


def list_hosts(parent: str, *, page_size: int = PAGE_SIZE) -> Listing[hosts_pb2.Host]:
    """Iterate over the hosts of a collection, by id."""
    request = hosts_pb2.ListHostsRequest(parent=parent, page_size=page_size)
    return Listing(Call(request, hosts_pb2.ListHostsResponse), lambda page: page.hosts)


def remove_hosts(
    parent: str,
    host_ids: Iterable[str],
    *,
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.BatchDeleteHostsResponse]:
    """Remove hosts from a collection, all or nothing; with force assigned ones too. At most 10,000.

    Raises:
        InvalidArgument: An id cannot be one.
        NotFound: There is no such collection or host.
        FailedPrecondition: A host is assigned, and force is not set.
    """
    collection = names.parse(parent, names.Kind.COLLECTION, field="parent")
    request = hosts_pb2.BatchDeleteHostsRequest(
        parent=parent,
        names=[_host_name(collection, host_id) for host_id in host_ids],
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.BatchDeleteHostsResponse)


def set_assignment(
    parent: str,
    *,
    user: str,
    host_id: str,
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.SetAssignmentResponse]:
    """Assign a host of a personal collection to a user; with force, end what stands in the way.

    Raises:
        NotFound: There is no such collection or host.
        FailedPrecondition: The collection is pooled, another user holds the host, or the user is at
            the limit.
    """
    request = assignments_pb2.SetAssignmentRequest(
        parent=parent,
        user=user,
        host_id=host_id,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.SetAssignmentResponse)


def remove_assignment(
    parent: str,
    *,
    user: str = "",
    host_id: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.RemoveAssignmentResponse]:
    """End what a user holds in a collection, or what holds a host; give exactly one of them.

    Raises:
        InvalidArgument: Both or neither is given.
        NotFound: There is no such collection, host or assignment.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.RemoveAssignmentRequest(
        parent=parent,
        user=user,
        host_id=host_id,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.RemoveAssignmentResponse)


def list_assignments(
    parent: str, *, user: str = "", host_id: str = "", page_size: int = PAGE_SIZE
) -> Listing[assignments_pb2.Assignment]:
    """Iterate over the assignments of a collection, by host; of one user or one host if given."""
    request = assignments_pb2.ListAssignmentsRequest(
        parent=parent, user=user, host_id=host_id, page_size=page_size
    )
    return Listing(
        Call(request, assignments_pb2.ListAssignmentsResponse), lambda page: page.assignments
    )


def import_assignments(
    parent: str,
    content: bytes,
    *,
    replace: bool = False,
    validate_only: bool = False,
    request_id: str | None = None,
) -> Call[assignments_pb2.ImportAssignmentsResponse]:
    """Import the bytes of a file of assignments, all or nothing; see the proto for its forms.

    With validate_only nothing is written and every row has its verdict, rejected ones too.

    Raises:
        InvalidArgument: A row cannot be applied (IMPORT_REJECTED).
        NotFound: There is no such collection.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.ImportAssignmentsRequest(
        parent=parent,
        content=content,
        replace=replace,
        validate_only=validate_only,
        request_id=request_id or new_request_id(),
    )
    return Call(request, assignments_pb2.ImportAssignmentsResponse, _IMPORT_TIMEOUT_SECONDS)


def export_assignments(parent: str) -> Call[assignments_pb2.ExportAssignmentsResponse]:
    """Return the assignments of a collection as a CSV file that `import_assignments` reads.

    Raises:
        NotFound: There is no such collection.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.ExportAssignmentsRequest(parent=parent)
    return Call(request, assignments_pb2.ExportAssignmentsResponse, _IMPORT_TIMEOUT_SECONDS)


def connect(name: str, *, user: str = "") -> Call[sessions_pb2.ConnectResponse]:
    """Find the caller's host in a collection or app group, or claim one; return the `.rdp` file.

    Args:
        name: The collection, which stands for its app group `desktop`, or the app group.
        user: For whom; empty for the caller.

    Raises:
        NotFound: There is no such collection or app group.
        FailedPrecondition: No host is assigned, and the collection does not assign by itself.
        ResourceExhausted: No host is free.
    """
    return Call(sessions_pb2.ConnectRequest(name=name, user=user), sessions_pb2.ConnectResponse)


def new_request_id() -> str:
    """Return a request id that was never used."""
    return str(uuid.uuid4())


def _host_name(collection: names.Name, host: str) -> str:
    return str(collection.child("hosts", host))
