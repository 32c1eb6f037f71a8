"""What an app group is and what it may hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from deskhold.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from deskhold.names import fold_id


class AppGroupType(Enum):
    """What is published."""

    DESKTOP = "DESKTOP"
    REMOTE_APP = "REMOTE_APP"


@dataclass(frozen=True, slots=True)
class Application:
    """A published application.

    Attributes:
        application_id: The alias by which hosts know it; unique in its app group, case aside.
        display_name: What people see; empty: its id.
        file_path: Path of the program on the host.
        arguments: Its command line.
        icon_path: Path of its icon on the host.
    """

    application_id: str
    display_name: str
    file_path: str
    arguments: str
    icon_path: str


@dataclass(frozen=True, slots=True)
class AppGroupDraft:
    """An app group to be.

    Attributes:
        type: What is published.
        display_name: What people see.
        description: What it is for.
        applications: The applications, in the order in which they are shown.
    """

    type: AppGroupType
    display_name: str = ""
    description: str = ""
    applications: Sequence[Application] = ()

    def check(self) -> None:
        """Check the applications.

        Raises:
            InvalidArgument: A desktop has some, an id is there twice, or a text has line breaks.
        """
        if self.type is AppGroupType.DESKTOP and self.applications:
            raise InvalidArgument.of_field(
                "app_group.applications",
                "are only for app groups of type REMOTE_APP; leave them out for a desktop",
            )
        seen: set[str] = set()
        for number, application in enumerate(self.applications):
            key = fold_id(application.application_id)
            if key in seen:
                raise InvalidArgument.of_field(
                    f"app_group.applications[{number}].application_id",
                    f"{application.application_id!r} is there twice, case aside; choose another",
                )
            seen.add(key)
            for field in _WRITTEN:
                # They stand in lines of `.rdp` files, and must not bring lines of their own.
                if any(unicodedata.category(one) in _BREAKS for one in getattr(application, field)):
                    raise InvalidArgument.of_field(
                        f"app_group.applications[{number}].{field}",
                        "holds a control character; leave it out",
                    )


_WRITTEN = ("display_name", "file_path", "arguments", "icon_path")
# Control characters, and the line and paragraph separators of Unicode.
_BREAKS = frozenset(("Cc", "Zl", "Zp"))


@dataclass(frozen=True, slots=True)
class AppGroup:
    """An app group as it is stored.

    Attributes:
        id: Its number in the store.
        name: Its resource name.
        uid: Tells it from a later one of the same name.
        draft: What it is.
        version: Grows with every change.
        created_us: When it was created.
        updated_us: When it was last changed.
    """

    id: int
    name: str
    uid: str
    draft: AppGroupDraft
    version: int
    created_us: int
    updated_us: int

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        return f"{self.uid[:8]}-{self.version}"

    def require_etag(self, etag: str) -> None:
        """Check that it is the version that somebody read; empty: any.

        Raises:
            Aborted: It is another one.
        """
        if etag and etag != self.etag:
            raise Aborted(
                f"{self.name} is at etag {self.etag}, not {etag}; read it again",
                metadata={"name": self.name, "etag": self.etag},
            )


def app_group_not_found(name: str) -> NotFound:
    """Return the error for an app group that its collection does not have."""
    return NotFound(
        f"there is no app group {name}; see them with: deskhold app-group list",
        reason="APP_GROUP_NOT_FOUND",
        metadata={"app_group": name},
    )


def app_group_exists(name: str) -> AlreadyExists:
    """Return the error for an app group that is to be made and is there."""
    return AlreadyExists(
        f"app group {name} exists; choose another name",
        reason="APP_GROUP_ALREADY_EXISTS",
        metadata={"app_group": name},
    )


def last_app_group(name: str, collection: str) -> FailedPrecondition:
    """Return the error for an app group without which its collection would publish nothing."""
    return FailedPrecondition(
        f"{name} is the last app group of {collection}; create another one first,"
        " or delete the collection",
        reason="LAST_APP_GROUP",
        metadata={"app_group": name, "collection": collection},
    )
