"""Which application of an app group a user opens."""

from __future__ import annotations

from sqlalchemy import Connection

from broker_service.app_groups.rules import AppGroupType
from broker_service.app_groups.store import find_app_group
from broker_service.collections.store import find_collection
from broker_service.sessions.rdp import RemoteApp
from deskhold.errors import InvalidArgument, NotFound
from deskhold.names import Name, fold_id


def find_application(connection: Connection, target: Name, application_id: str) -> RemoteApp | None:
    """Return an application of an app group; its only one when none is named.

    None stands for the desktop, and for a group that is not there.

    Raises:
        InvalidArgument: None is named, and there are several or none; or one is named, and the
            group is a desktop.
        NotFound: There is no such application.
    """
    collection = find_collection(connection, target.collection.text)
    found = find_app_group(connection, collection, target.id) if collection else None
    if found is None:
        return None
    if found.draft.type is AppGroupType.DESKTOP:
        if application_id:
            raise InvalidArgument.of_field(
                "application_id", f"is only for a group of applications; {target} is a desktop"
            )
        return None
    offered = {
        fold_id(one.application_id): RemoteApp(one.application_id, one.display_name, one.arguments)
        for one in found.draft.applications
    }
    return _choose(offered, target, application_id)


def _choose(offered: dict[str, RemoteApp], target: Name, application_id: str) -> RemoteApp:
    if not application_id and len(offered) == 1:
        return next(iter(offered.values()))
    if not application_id:
        raise InvalidArgument.of_field(
            "application_id", f"is needed: {target} has {len(offered)} applications"
        )
    if fold_id(application_id) not in offered:
        raise NotFound(
            f"{target} has no application {application_id}; see them with: deskhold app-group show",
            reason="APPLICATION_NOT_FOUND",
            metadata={"app_group": target.text, "application": application_id},
        )
    return offered[fold_id(application_id)]
