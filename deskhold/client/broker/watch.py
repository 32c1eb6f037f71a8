"""What changes, followed."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.api.broker.v1 import watch_pb2 as pb
from deskhold.client.calls import Stream


def watch_resources(
    parent: str, *, kinds: Iterable[str] = (), position: str = "", patience_seconds: float = 60.0
) -> Stream[pb.WatchResponse]:
    """Iterate over every change after a position, then over each as it is made; it never ends.

    Checkpoints come in between: answers without a change. When the service is away, or ends the
    stream, the iterator takes it up again after the last position received: none is missing. Who
    watches from now, and then lists, knows everything there is and hears of everything that comes.

    Args:
        parent: A collection, or a tenant: all its collections.
        kinds: Of what: `collection`, `app_group`, `host`, `assignment`, `session`; of all when none
            is given.
        position: The last position known; empty: begin with what comes from now on.
        patience_seconds: How long the service may be away; it is not waited for when it is not
            there at the beginning.

    Raises:
        PermissionDenied: The caller may not read one of the kinds there.
        Aborted: The changes after the position are no longer kept (POSITION_GONE).
        Unavailable: The service is away, and patience at its end.
        ResourceExhausted: Too many watch already.
        ValueError: There is no such kind.
    """
    first = pb.WatchRequest(
        parent=parent,
        kinds=[pb.ResourceKind.Value(f"RESOURCE_KIND_{kind.upper()}") for kind in kinds],
        position=position,
    )

    def after(answer: pb.WatchResponse) -> pb.WatchRequest:
        return pb.WatchRequest(parent=parent, kinds=first.kinds, position=answer.position)

    return Stream(first, pb.WatchResponse, after, patience_seconds)
