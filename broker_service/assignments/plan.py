"""What an import would do: a verdict for every row, and the changes when none is rejected. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from broker_service.assignments.files import FileRow
from broker_service.assignments.rules import Person, host_held, require_available, user_limit
from broker_service.collections.rules import Collection
from broker_service.hosts.rules import Host, host_not_found
from deskhold.errors import DeskholdError, InvalidArgument
from deskhold.identities import Domains
from deskhold.names import fold_id


class Outcome(Enum):
    """What becomes of a row."""

    ASSIGNED = "ASSIGNED"
    UNCHANGED = "UNCHANGED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one row.

    Attributes:
        row: The row.
        outcome: The verdict.
        reason: On rejection, why, for programs.
        message: On rejection, why, for people.
    """

    row: FileRow
    outcome: Outcome
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class Plan:
    """What an import does.

    Attributes:
        verdicts: One per row, in order.
        assign: The new assignments.
        remove: The holds that end.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    assign: list[tuple[Host, Person]] = field(default_factory=list)
    remove: list[Host] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        """Return how many rows have an outcome."""
        return sum(verdict.outcome is outcome for verdict in self.verdicts)

    @property
    def rejected(self) -> list[Verdict]:
        """The rows that cannot be applied."""
        return [verdict for verdict in self.verdicts if verdict.outcome is Outcome.REJECTED]


class Planner:
    """Judges rows one after another against the state that the rows before them lead to.

    Args:
        collection: Where the rows are to be applied.
        hosts: Every host of it, by key.
        domains: The deployment's domains.
        replace: The file is the whole truth: what it does not hold ends, what
            stands in the way moves, reservations for others and quarantines of its hosts end.
        now_us: When; reservations that have run out count as none.
    """

    def __init__(
        self,
        collection: Collection,
        hosts: Mapping[str, Host],
        domains: Domains,
        *,
        replace: bool,
        now_us: int,
    ) -> None:
        self._collection = collection
        self._hosts = hosts
        self._domains = domains
        self._replace = replace
        self._now_us = now_us
        self._line_of_host: dict[str, tuple[int, str]] = {}
        self._held: defaultdict[str, dict[str, Host]] = defaultdict(dict)
        if not replace:
            for key, host in hosts.items():
                if host.hold is not None:
                    self._held[host.hold.user_key][key] = host

    def plan(self, rows: Sequence[FileRow]) -> Plan:
        """Return what importing the rows does."""
        plan = Plan()
        for row in rows:
            try:
                plan.verdicts.append(Verdict(row, self._judge(row, plan)))
            except DeskholdError as error:
                plan.verdicts.append(Verdict(row, Outcome.REJECTED, error.reason, error.message))
        if self._replace:
            kept = {host.key for held in self._held.values() for host in held.values()}
            moved = {host.key for host, _ in plan.assign}
            plan.remove = [
                host
                for key, host in self._hosts.items()
                if host.hold is not None and (key not in kept or key in moved)
            ]
        return plan

    def _judge(self, row: FileRow, plan: Plan) -> Outcome:
        if row.problem:
            raise InvalidArgument(f"the row {row.problem}")
        person = Person(row.user, self._domains.user_key(row.user))
        host = self._hosts.get(fold_id(row.host_id))
        if host is None:
            raise host_not_found(self._collection, row.host_id)
        seen_line, seen_user = self._line_of_host.setdefault(host.key, (row.line, person.key))
        if seen_user != person.key:
            raise InvalidArgument(
                f"host {row.host_id} stands in line {seen_line} with another user",
                reason="HOST_HELD",
            )
        held = self._held[person.key]
        if host.key in held:
            return Outcome.UNCHANGED
        if host.hold is not None and not self._replace:
            raise host_held(host, row.user, way_out="import with replace")
        if not self._replace:
            require_available(
                host,
                person,
                now_us=self._now_us,
                over_reservation="correct the file, or import with replace",
                over_quarantine="confirm its release first, or import with replace",
            )
        if len(held) >= self._collection.max_desktops_per_user:
            raise user_limit(
                self._collection,
                row.host_id,
                row.user,
                held.values(),
                way_out="correct the file, or import with replace",
            )
        held[host.key] = host
        if host.hold is not None and host.hold.user_key == person.key:
            return Outcome.UNCHANGED
        plan.assign.append((host, person))
        return Outcome.ASSIGNED
