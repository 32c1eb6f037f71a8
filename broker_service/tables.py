"""Tables and constraints of the broker's store, nothing else.

An assignment is a column of its host, so that a host cannot be held twice; a unique index keeps a
user within the slots of a collection. What an agent reports is beside its host's row, where it
overwrites nothing. Times are microseconds since the epoch. Names and keys compare byte by byte.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
from sqlalchemy.schema import SchemaItem

from broker_service.columns import Id, column, exact, partial_index
from deskhold.chassis.db.idempotency import replies_table

metadata = MetaData()


def _table(name: str, *parts: SchemaItem) -> Table:
    return Table(name, metadata, *parts)


collections = _table(
    "collections",
    column("id", Id, primary_key=True),
    column("name", exact(1024), unique=True),
    column("tenant", exact(1024)),
    column("uid", String(36)),
    column("display_name", String(256)),
    column("description", String(1024)),
    column("type", String(16)),
    column("auto_assign_user", Boolean),
    column("grant_administrative_privilege", Boolean),
    column("max_desktops_per_user", Integer),
    column("version", Integer),
    column("created_us", BigInteger),
    column("updated_us", BigInteger, server_default=text("0")),
    column("custom_rdp_properties", Text, server_default=""),
    column("load_balancing", String(16), server_default="BREADTH_FIRST"),
    column("max_sessions_per_host", Integer, server_default=text("0")),
    column("active_limit_minutes", Integer, server_default=text("0")),
    column("disconnected_limit_minutes", Integer, server_default=text("0")),
    column("idle_limit_minutes", Integer, server_default=text("0")),
    column("release_policy", String(16), server_default="FREE"),
    # Empty: clients connect to the hosts themselves.
    column("gateway_address", String(253), server_default=""),
    column("gateway_port", Integer, server_default=text("0")),
    column("routing_token_format", String(16), server_default="PLAIN"),
    column("user_name_format", String(16), server_default="AS_ASSIGNED"),
    CheckConstraint(
        "type = 'PERSONAL' OR (type = 'POOLED' AND NOT auto_assign_user"
        " AND NOT grant_administrative_privilege)",
        name="personal_flags_only_on_personal",
    ),
    CheckConstraint("max_desktops_per_user >= 1", name="at_least_one_desktop"),
)
Index("collections_by_tenant", collections.c.tenant, collections.c.name)

app_groups = _table(
    "app_groups",
    column("id", Id, primary_key=True),
    column("collection_id", Id, ForeignKey("collections.id")),
    column("app_group_id", exact(63)),
    column("created_us", BigInteger),
    column("updated_us", BigInteger, server_default=text("0")),
    column("uid", String(36), server_default=""),
    column("type", String(16), server_default="DESKTOP"),
    column("display_name", String(256), server_default=""),
    column("description", String(1024), server_default=""),
    column("applications", Text, server_default="[]"),
    column("version", Integer, server_default=text("1")),
    UniqueConstraint("collection_id", "app_group_id", name="one_app_group_of_a_name"),
)

hosts = _table(
    "hosts",
    column("id", Id, primary_key=True),
    column("collection_id", Id, ForeignKey("collections.id")),
    column("tenant", exact(1024)),
    column("host_id", String(63)),
    column("host_key", exact(63)),
    column("uid", String(36)),
    column("address", String(253)),
    column("port", Integer),
    # Random, so that claims spread over the free hosts instead of queueing on the first one.
    column("claim_key", BigInteger),
    column("user", String(256), nullable=True),
    column("user_key", exact(600), nullable=True),
    column("slot", Integer, nullable=True),
    column("assigned_us", BigInteger, nullable=True),
    column("assigned_by", String(600), nullable=True),
    column("version", Integer),
    column("created_us", BigInteger),
    column("updated_us", BigInteger, server_default=text("0")),
    column("friendly_name", String(256), server_default=""),
    column("new_connections", String(16), server_default="YES"),
    # With NOT_UNTIL_REBOOT: the start of the machine that is to be its last.
    column("drained_boot_id", String(64), server_default=""),
    column("relative_weight", Integer, server_default=text("100")),
    column("session_limit", Integer, server_default=text("0")),
    column("reserved_user", String(256), nullable=True),
    column("reserved_user_key", exact(600), nullable=True),
    column("reserved_until_us", BigInteger, nullable=True),
    column("reserved_by", String(600), nullable=True),
    column("quarantined_us", BigInteger, nullable=True),
    # Who is taken first: 0 known to be well, 1 not known, NULL nobody takes it (`hosts.rules`).
    column("claim_rank", SmallInteger, nullable=True, server_default=text("1")),
    column("session_count", Integer, server_default=text("0")),
    column("sign_in_count", Integer, server_default=text("0")),
    # Sessions and sign-ins for the host's weight (`hosts.rules`).
    column("load", BigInteger, server_default=text("0")),
    UniqueConstraint("tenant", "host_key", name="a_host_is_in_one_collection_of_a_tenant"),
    UniqueConstraint("collection_id", "host_key", name="one_host_of_a_name"),
    CheckConstraint("(user_key IS NULL) = (slot IS NULL)", name="held_with_a_slot"),
)
# Free hosts stay out, so that a claim has fewer places to write to.
partial_index(
    "one_host_per_user_and_slot",
    "user_key IS NOT NULL",
    (hosts.c.collection_id, hosts.c.user_key, hosts.c.slot),
    unique=True,
)
# Claims look here: only hosts that somebody can have, in random order.
partial_index(
    "free_hosts",
    "user_key IS NULL AND claim_rank IS NOT NULL",
    (hosts.c.collection_id, hosts.c.claim_rank, hosts.c.claim_key),
)
# Pooled collections look here, from either end.
partial_index(
    "hosts_by_load",
    "claim_rank IS NOT NULL",
    (hosts.c.collection_id, hosts.c.claim_rank, hosts.c.load, hosts.c.claim_key),
)
partial_index(
    "reserved_hosts",
    "reserved_user_key IS NOT NULL",
    (hosts.c.collection_id, hosts.c.reserved_user_key),
)

# What a host's agent last said, lists as JSON. No row: no agent has ever reported.
host_reports = _table(
    "host_reports",
    column("host", Id, ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True),
    column("heartbeat_us", BigInteger),
    # AVAILABLE, NEEDS_ASSISTANCE or UNAVAILABLE; the last one too when no report has come for long.
    column("status", String(16)),
    column("boot_id", String(64)),
    column("agent_version", String(64)),
    # Two JSON lists, and the administrators as compared, a line each.
    column("health_checks", Text),
    column("administrators", Text),
    column("administrator_keys", Text, server_default=""),
)
Index("host_reports_by_heartbeat", host_reports.c.heartbeat_us)

sessions = _table(
    "sessions",
    column("host", Id, ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True),
    column("session_id", Integer, primary_key=True, autoincrement=False),
    column("collection_id", Id, ForeignKey("collections.id")),
    column("user", String(256)),
    column("user_key", exact(600)),
    column("state", String(16)),
    column("created_us", BigInteger, nullable=True),
    column("disconnected_us", BigInteger, nullable=True),
    column("idle_us", BigInteger),
    column("client_name", String(256)),
    column("client_address", String(64)),
    column("application_id", String(63)),
    column("reported_us", BigInteger),
)
Index("sessions_by_user", sessions.c.collection_id, sessions.c.user_key)

# Users who were sent to a host and whose sessions are not reported yet.
sign_ins = _table(
    "sign_ins",
    column("collection_id", Id, ForeignKey("collections.id"), primary_key=True),
    column("user_key", exact(600), primary_key=True),
    column("host", Id, ForeignKey("hosts.id", ondelete="CASCADE")),
    column("expires_us", BigInteger),
)
Index("sign_ins_by_host", sign_ins.c.host)
Index("sign_ins_by_expiry", sign_ins.c.expires_us)

session_commands = _table(
    "session_commands",
    column("command_id", exact(36), primary_key=True),
    column("host", Id, ForeignKey("hosts.id", ondelete="CASCADE")),
    column("session_id", Integer),
    column("kind", String(16)),
    column("title", String(256)),
    column("body", Text),
    column("state", String(16)),
    column("result", String(1024)),
    column("author", String(600)),
    column("created_us", BigInteger),
    column("ended_us", BigInteger, nullable=True),
)
Index("session_commands_by_host", session_commands.c.host, session_commands.c.created_us)
Index("session_commands_by_time", session_commands.c.created_us)

# Append-only: who had which host, from when to when, by whose decision.
history = _table(
    "history",
    column("id", Id, primary_key=True),
    column("collection", exact(1024)),
    column("collection_uid", String(36)),
    column("host_id", String(63)),
    column("user", String(256)),
    column("user_key", exact(600)),
    column("event", String(16)),
    column("cause", String(32)),
    column("actor", String(600)),
    column("decision_id", String(64)),
    column("request_id", String(64)),
    column("time_us", BigInteger),
    column("host_key", exact(63), server_default=""),
)
Index("history_by_collection", history.c.collection, history.c.id)
Index("history_by_host", history.c.collection, history.c.host_key, history.c.id)
Index("history_by_time", history.c.collection, history.c.host_key, history.c.time_us, history.c.id)
partial_index("history_ends", "event = 'REMOVED'", [history.c.time_us])
Index("history_by_user", history.c.collection, history.c.user_key, history.c.id)

# Calls as operators see them (`diagnostics`).
activities = _table(
    "activities",
    column("id", Id, primary_key=True),
    column("kind", String(16)),
    column("method", String(128)),
    column("actor", String(600)),
    column("user", String(256)),
    column("user_key", exact(600)),
    # Empty: the deployment's own.
    column("tenant", exact(1024)),
    column("collection", exact(1024)),
    column("host_key", exact(63)),
    column("outcome", String(16)),
    column("code", String(32)),
    column("reason", String(64)),
    column("action", String(256)),
    column("scope", exact(1024)),
    column("decision_id", String(64)),
    column("revision", BigInteger),
    column("role_assignment", String(256)),
    column("request_id", exact(128)),
    column("started_us", BigInteger),
    column("duration_us", BigInteger),
)
for _name in ("tenant", "user_key", "actor"):
    Index(f"activities_by_{_name.removesuffix('_key')}", activities.c[_name], activities.c.id)
Index("activities_by_request", activities.c.request_id)
Index("activities_by_time", activities.c.started_us)

# What changed, in the transaction that changed it (`changes`).
changes = _table(
    "changes",
    column("id", Id, primary_key=True),
    # On PostgreSQL the transaction, since numbers there are not in the order of commits.
    column("tx", BigInteger, server_default=text("0")),
    column("tenant", exact(1024)),
    column("kind", String(16)),
    column("name", exact(1024)),
    column("time_us", BigInteger),
)
Index("changes_in_order", changes.c.tx, changes.c.id)

# Names in transition between this store and the authority's.
scope_changes = _table(
    "scope_changes",
    column("name", exact(1024), primary_key=True),
    column("state", String(16)),
    column("owner", String(36)),
    column("since_us", BigInteger),
    CheckConstraint("state IN ('CREATING', 'REMOVING')", name="a_known_state"),
)

replies = replies_table(metadata)
