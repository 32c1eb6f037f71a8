"""Between app groups and their messages."""

from __future__ import annotations

from broker_service.app_groups.rules import AppGroup, AppGroupDraft, AppGroupType, Application
from broker_service.messages import timestamp
from deskhold.api.broker.v1 import app_groups_pb2 as pb

TYPES = {
    pb.APP_GROUP_TYPE_DESKTOP: AppGroupType.DESKTOP,
    pb.APP_GROUP_TYPE_REMOTE_APP: AppGroupType.REMOTE_APP,
}
NUMBERS = {value: number for number, value in TYPES.items()}


def draft_of(message: pb.AppGroup, type: AppGroupType) -> AppGroupDraft:
    """Return the app group of a type that a message asks for."""
    return AppGroupDraft(
        type=type,
        display_name=message.display_name,
        description=message.description,
        applications=tuple(
            Application(
                application_id=one.application_id,
                display_name=one.display_name,
                file_path=one.file_path,
                arguments=one.arguments,
                icon_path=one.icon_path,
            )
            for one in message.applications
        ),
    )


def message_of(app_group: AppGroup) -> pb.AppGroup:
    """Return an app group as a message."""
    draft = app_group.draft
    return pb.AppGroup(
        name=app_group.name,
        uid=app_group.uid,
        type=NUMBERS[draft.type],
        display_name=draft.display_name,
        description=draft.description,
        applications=[
            pb.Application(
                application_id=one.application_id,
                display_name=one.display_name,
                file_path=one.file_path,
                arguments=one.arguments,
                icon_path=one.icon_path,
            )
            for one in draft.applications
        ],
        etag=app_group.etag,
        create_time=timestamp(app_group.created_us),
        update_time=timestamp(app_group.updated_us),
    )
