"""Tables and constraints of the broker's store, nothing else.

An assignment is a column of its host, so that a host cannot be held twice; a unique index keeps a
user within the slots of a collection. Times are microseconds since the epoch. Names and keys
compare byte by byte on every engine.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from deskhold.chassis.replay import replies_table

metadata = MetaData()

# SQLite numbers rows by itself only for a column of exactly this type.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _exact(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


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
    UniqueConstraint("tenant", "host_key", name="a_host_is_in_one_collection_of_a_tenant"),
    UniqueConstraint("collection_id", "host_key", name="one_host_of_a_name"),
    UniqueConstraint("collection_id", "user_key", "slot", name="one_host_per_user_and_slot"),
    CheckConstraint("(user_key IS NULL) = (slot IS NULL)", name="held_with_a_slot"),
)
# Claims look here: only free hosts, in random order. What is assigned leaves the index.
Index(
    "free_hosts",
    hosts.c.collection_id,
    hosts.c.claim_key,
    sqlite_where=hosts.c.user_key.is_(None),
    postgresql_where=hosts.c.user_key.is_(None),
)

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
)
Index("history_by_host", history.c.collection, history.c.host_id, history.c.id)

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
