"""App groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from google.protobuf.empty_pb2 import Empty

from deskhold.api.broker.v1 import app_groups_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing, mask_of, new_request_id


def create_app_group(
    parent: str,
    app_group_id: str,
    *,
    type: Literal["desktop", "remote_app"],
    display_name: str = "",
    description: str = "",
    applications: Iterable[pb.Application] = (),
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.AppGroup]:
    """Create an app group in a collection.

    Args:
        parent: The collection.
        app_group_id: Its id there.
        type: Whether the full desktop is published, or applications.
        display_name: What people see.
        description: What it is for.
        applications: Only with `remote_app`; each id once, case aside.
        request_id: See `deskhold.client.broker`.
        validate_only: Change nothing.

    Raises:
        NotFound: There is no such collection.
        InvalidArgument: A desktop has applications, or an id is wrong or there twice.
        AlreadyExists: There is one of this name.
        FailedPrecondition: The name is still being removed.
    """
    request = pb.CreateAppGroupRequest(
        parent=parent,
        app_group_id=app_group_id,
        app_group=pb.AppGroup(
            type=pb.AppGroupType.Value(f"APP_GROUP_TYPE_{type.upper()}"),
            display_name=display_name,
            description=description,
            applications=applications,
        ),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.AppGroup)


def get_app_group(name: str) -> Call[pb.AppGroup]:
    """Return one app group.

    Raises:
        NotFound: There is none.
    """
    return Call(pb.GetAppGroupRequest(name=name), pb.AppGroup)


def list_app_groups(parent: str, *, page_size: int = PAGE_SIZE) -> Listing[pb.AppGroup]:
    """Iterate over the app groups of a collection, by id.

    Raises:
        NotFound: There is no such collection.
    """
    request = pb.ListAppGroupsRequest(parent=parent, page_size=page_size)
    return Listing(Call(request, pb.ListAppGroupsResponse), lambda page: page.app_groups)


def update_app_group(
    name: str,
    *,
    display_name: str | None = None,
    description: str | None = None,
    applications: Iterable[pb.Application] | None = None,
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.AppGroup]:
    """Change what is given of an app group; the rest stays. See `create_app_group`.

    Raises:
        NotFound: There is none.
        Aborted: It is not the version of the etag.
        InvalidArgument: Nothing is given; a desktop would have applications, or an id is wrong or
            there twice.
    """
    changes = {
        "display_name": display_name,
        "description": description,
        "applications": applications,
    }
    given = {field: value for field, value in changes.items() if value is not None}
    # The fields have types of their own, which a mapping does not tell apart.
    request = pb.UpdateAppGroupRequest(
        app_group=pb.AppGroup(name=name, etag=etag, **given),  # type: ignore[arg-type]
        update_mask=mask_of(given),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.AppGroup)


def delete_app_group(
    name: str, *, etag: str = "", request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Delete an app group and the role assignments there.

    Raises:
        NotFound: There is none.
        FailedPrecondition: It is the last one of its collection.
        Aborted: It is not the version of the etag.
    """
    request = pb.DeleteAppGroupRequest(
        name=name,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)
