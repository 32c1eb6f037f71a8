"""Tables and constraints of the broker's store, nothing else.

An assignment is a column of its host, so that a host cannot be held twice; a unique index keeps a
user within the slots of a collection. What an agent reports is beside its host's row, where it
overwrites nothing. Times are microseconds since the epoch. Names and keys compare byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from deskhold.chassis.replay import replies_table

metadata = MetaData()

# SQLite numbers rows by itself only for a column of exactly this type.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _exact(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _partial_index(name: str, where: str, columns: Iterable[Column[Any]]) -> None:
    Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


collections = Table(
    "collections",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", _exact(1024), nullable=False, unique=True),
    Column("tenant", _exact(1024), nullable=False),
    Column("uid", String(36), nullable=False),
    Column("display_name", String(256), nullable=False),
    Column("description", String(1024), nullable=False),
    Column("type", String(16), nullable=False),
    Column("auto_assign_user", Boolean, nullable=False),
    Column("grant_administrative_privilege", Boolean, nullable=False),
    Column("max_desktops_per_user", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False, server_default=text("0")),
    Column("custom_rdp_properties", Text, nullable=False, server_default=""),
    Column("load_balancing", String(16), nullable=False, server_default="BREADTH_FIRST"),
    Column("max_sessions_per_host", Integer, nullable=False, server_default=text("0")),
    Column("active_limit_minutes", Integer, nullable=False, server_default=text("0")),
    Column("disconnected_limit_minutes", Integer, nullable=False, server_default=text("0")),
    Column("idle_limit_minutes", Integer, nullable=False, server_default=text("0")),
    Column("release_policy", String(16), nullable=False, server_default="FREE"),
    CheckConstraint(
        "type = 'PERSONAL' OR (type = 'POOLED' AND NOT auto_assign_user"
        " AND NOT grant_administrative_privilege)",
        name="personal_flags_only_on_personal",
    ),
    CheckConstraint("max_desktops_per_user >= 1", name="at_least_one_desktop"),
)
Index("collections_by_tenant", collections.c.tenant, collections.c.name)

app_groups = Table(
    "app_groups",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("collection_id", _Id, ForeignKey("collections.id"), nullable=False),
    Column("app_group_id", _exact(63), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False, server_default=text("0")),
    Column("uid", String(36), nullable=False, server_default=""),
    Column("type", String(16), nullable=False, server_default="DESKTOP"),
    Column("display_name", String(256), nullable=False, server_default=""),
    Column("description", String(1024), nullable=False, server_default=""),
    Column("applications", Text, nullable=False, server_default="[]"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("collection_id", "app_group_id", name="one_app_group_of_a_name"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("collection_id", _Id, ForeignKey("collections.id"), nullable=False),
    Column("tenant", _exact(1024), nullable=False),
    Column("host_id", String(63), nullable=False),
    Column("host_key", _exact(63), nullable=False),
    Column("uid", String(36), nullable=False),
    Column("address", String(253), nullable=False),
    Column("port", Integer, nullable=False),
    # Random, so that claims spread over the free hosts instead of queueing on the first one.
    Column("claim_key", BigInteger, nullable=False),
    Column("user", String(256), nullable=True),
    Column("user_key", _exact(600), nullable=True),
    Column("slot", Integer, nullable=True),
    Column("assigned_us", BigInteger, nullable=True),
    Column("assigned_by", String(600), nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False, server_default=text("0")),
    Column("friendly_name", String(256), nullable=False, server_default=""),
    Column("new_connections", String(16), nullable=False, server_default="YES"),
    # With NOT_UNTIL_REBOOT: the start of the machine that is to be its last.
    Column("drained_boot_id", String(64), nullable=False, server_default=""),
    Column("relative_weight", Integer, nullable=False, server_default=text("100")),
    Column("session_limit", Integer, nullable=False, server_default=text("0")),
    Column("reserved_user", String(256), nullable=True),
    Column("reserved_user_key", _exact(600), nullable=True),
    Column("reserved_until_us", BigInteger, nullable=True),
    Column("reserved_by", String(600), nullable=True),
    Column("quarantined_us", BigInteger, nullable=True),
    # Who is taken first: 0 known to be well, 1 not known, NULL nobody takes it (`hosts.rules`).
    Column("claim_rank", SmallInteger, nullable=True, server_default=text("1")),
    Column("session_count", Integer, nullable=False, server_default=text("0")),
    Column("sign_in_count", Integer, nullable=False, server_default=text("0")),
    # Sessions and sign-ins for the host's weight (`hosts.rules`).
    Column("load", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("tenant", "host_key", name="a_host_is_in_one_collection_of_a_tenant"),
    UniqueConstraint("collection_id", "host_key", name="one_host_of_a_name"),
    UniqueConstraint("collection_id", "user_key", "slot", name="one_host_per_user_and_slot"),
    CheckConstraint("(user_key IS NULL) = (slot IS NULL)", name="held_with_a_slot"),
)
# Claims look here: only hosts that somebody can have, in random order.
_partial_index(
    "free_hosts",
    "user_key IS NULL AND claim_rank IS NOT NULL",
    (hosts.c.collection_id, hosts.c.claim_rank, hosts.c.claim_key),
)
# Pooled collections look here, from either end.
_partial_index(
    "hosts_by_load",
    "claim_rank IS NOT NULL",
    (hosts.c.collection_id, hosts.c.claim_rank, hosts.c.load, hosts.c.claim_key),
)
_partial_index(
    "reserved_hosts",
    "reserved_user_key IS NOT NULL",
    (hosts.c.collection_id, hosts.c.reserved_user_key),
)

# What a host's agent last said, lists as JSON. No row: no agent has ever reported.
host_reports = Table(
    "host_reports",
    metadata,
    Column("host", _Id, ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True),
    Column("heartbeat_us", BigInteger, nullable=False),
    # AVAILABLE, NEEDS_ASSISTANCE or UNAVAILABLE; the last one too when no report has come for long.
    Column("status", String(16), nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("agent_version", String(64), nullable=False),
    # Two JSON lists, and the administrators as compared, a line each.
    Column("health_checks", Text, nullable=False),
    Column("administrators", Text, nullable=False),
    Column("administrator_keys", Text, nullable=False, server_default=""),
)
Index("host_reports_by_heartbeat", host_reports.c.heartbeat_us)

sessions = Table(
    "sessions",
    metadata,
    Column("host", _Id, ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True),
    Column("session_id", Integer, primary_key=True, autoincrement=False),
    Column("collection_id", _Id, ForeignKey("collections.id"), nullable=False),
    Column("user", String(256), nullable=False),
    Column("user_key", _exact(600), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_us", BigInteger, nullable=True),
    Column("disconnected_us", BigInteger, nullable=True),
    Column("idle_us", BigInteger, nullable=False),
    Column("client_name", String(256), nullable=False),
    Column("client_address", String(64), nullable=False),
    Column("application_id", String(63), nullable=False),
    Column("reported_us", BigInteger, nullable=False),
)
Index("sessions_by_user", sessions.c.collection_id, sessions.c.user_key)

# Users who were sent to a host and whose sessions are not reported yet.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("collection_id", _Id, ForeignKey("collections.id"), primary_key=True),
    Column("user_key", _exact(600), primary_key=True),
    Column("host", _Id, ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
Index("sign_ins_by_host", sign_ins.c.host)
Index("sign_ins_by_expiry", sign_ins.c.expires_us)

session_commands = Table(
    "session_commands",
    metadata,
    Column("command_id", _exact(36), primary_key=True),
    Column("host", _Id, ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
    Column("session_id", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("title", String(256), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(1024), nullable=False),
    Column("author", String(600), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=True),
)
Index("session_commands_by_host", session_commands.c.host, session_commands.c.created_us)
Index("session_commands_by_time", session_commands.c.created_us)

# Append-only: who had which host, from when to when, by whose decision.
history = Table(
    "history",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("collection", _exact(1024), nullable=False),
    Column("collection_uid", String(36), nullable=False),
    Column("host_id", String(63), nullable=False),
    Column("user", String(256), nullable=False),
    Column("user_key", _exact(600), nullable=False),
    Column("event", String(16), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("actor", String(600), nullable=False),
    Column("decision_id", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("host_key", _exact(63), nullable=False, server_default=""),
)
Index("history_by_collection", history.c.collection, history.c.id)
Index("history_by_host", history.c.collection, history.c.host_key, history.c.id)
Index("history_by_user", history.c.collection, history.c.user_key, history.c.id)

# Calls as operators see them (`diagnostics`).
activities = Table(
    "activities",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("method", String(128), nullable=False),
    Column("actor", String(600), nullable=False),
    Column("user", String(256), nullable=False),
    Column("user_key", _exact(600), nullable=False),
    # Empty: the deployment's own.
    Column("tenant", _exact(1024), nullable=False),
    Column("collection", _exact(1024), nullable=False),
    Column("host_key", _exact(63), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(32), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("action", String(256), nullable=False),
    Column("scope", _exact(1024), nullable=False),
    Column("decision_id", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("role_assignment", String(256), nullable=False),
    Column("request_id", _exact(128), nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
)
for _name in ("tenant", "user_key", "actor"):
    Index(f"activities_by_{_name.removesuffix('_key')}", activities.c[_name], activities.c.id)
Index("activities_by_request", activities.c.request_id)
Index("activities_by_time", activities.c.started_us)

# What changed, in the transaction that changed it (`changes`).
changes = Table(
    "changes",
    metadata,
    Column("id", _Id, primary_key=True),
    # On PostgreSQL the transaction, since numbers there are not in the order of commits.
    Column("tx", BigInteger, nullable=False, server_default=text("0")),
    Column("tenant", _exact(1024), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", _exact(1024), nullable=False),
    Column("time_us", BigInteger, nullable=False),
)
Index("changes_in_order", changes.c.tx, changes.c.id)

# Names in transition between this store and the authority's.
scope_changes = Table(
    "scope_changes",
    metadata,
    Column("name", _exact(1024), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("owner", String(36), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    CheckConstraint("state IN ('CREATING', 'REMOVING')", name="a_known_state"),
)

replies = replies_table(metadata)
