"""Which application of an app group a user opens."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from broker_service.sessions.rdp import RemoteApp
from broker_service.tables import app_groups, collections
from deskhold.errors import InvalidArgument, NotFound
from deskhold.names import Name, fold_id

_REMOTE_APP = "REMOTE_APP"


def find_application(connection: Connection, target: Name, application_id: str) -> RemoteApp | None:
    """Return an application of an app group; its only one when none is named.

    None stands for the desktop, and for a group that is not there.

    Raises:
        InvalidArgument: None is named, and there are several or none; or one is named, and the
            group is a desktop.
        NotFound: There is no such application.
    """
    query = (
        select(app_groups.c.type, app_groups.c.applications)
        .join(collections, collections.c.id == app_groups.c.collection_id)
        .where(
            collections.c.name == target.collection.text,
            app_groups.c.app_group_id == target.id,
        )
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.type != _REMOTE_APP:
        if application_id:
            raise InvalidArgument.of_field(
                "application_id", f"is only for a group of applications; {target} is a desktop"
            )
        return None
    return _choose(json.loads(row.applications), target, application_id)


def _choose(listed: list[dict[str, str]], target: Name, application_id: str) -> RemoteApp:
    offered = {
        fold_id(one["application_id"]): RemoteApp(
            one["application_id"], one["display_name"], one["arguments"]
        )
        for one in listed
    }
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
