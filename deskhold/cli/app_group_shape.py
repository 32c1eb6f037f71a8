"""How app groups are named and shown."""

from __future__ import annotations

from typing import Any

from deskhold import names
from deskhold.cli.output import Column, View, last_segment, moment, without


def full_name(collection: str, name: str) -> str:
    """Return the full name of an app group, given by its id in a collection.

    Raises:
        InvalidArgument: It cannot be one.
    """
    text = f"{collection}/appGroups/{name}"
    return str(names.parse(text, names.Kind.APP_GROUP, field="app_group"))


def _ids(applications: list[dict[str, Any]]) -> str:
    return ", ".join(one["application_id"] for one in applications)


LIST = View(
    (
        Column("name", "NAME", last_segment),
        Column("type", "TYPE", without("APP_GROUP_TYPE_")),
        Column("display_name", "DISPLAY NAME"),
        Column("applications", "APPLICATIONS", _ids),
        Column("create_time", "CREATED", moment),
    )
)
WHOLE = View(
    (
        Column("name", "NAME"),
        *LIST.columns[1:3],
        Column("description", "DESCRIPTION"),
        *LIST.columns[3:],
        Column("update_time", "UPDATED", moment),
        Column("etag", "ETAG"),
    )
)
