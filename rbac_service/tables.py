"""Tables and constraints of the policy store, nothing else.

Times are microseconds since the epoch. Paths and keys compare byte by byte on every engine.
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
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from deskhold.chassis.db.idempotency import replies_table

metadata = MetaData()


def _exact(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


# The one row whose lock orders every change of the policy.
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", String(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="head_is_one_row"),
)

# Append-only: replication feed, watch and audit at once. Each entry's hash covers its content and
# the hash before.
log = Table(
    "log",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("time_us", BigInteger, nullable=False),
    Column("actor", String(600), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("decision_id", String(64), nullable=False),
    Column("changes", Text, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

scopes = Table(
    "scopes",
    metadata,
    Column("path", _exact(1024), primary_key=True),
    Column("parent", _exact(1024), ForeignKey("scopes.path"), nullable=True),
    Column("display_name", String(256), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
Index("scopes_by_parent", scopes.c.parent)

role_assignments = Table(
    "role_assignments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("scope", _exact(1024), ForeignKey("scopes.path"), nullable=False),
    Column("role_id", String(36), nullable=False),
    Column("principal_key", _exact(600), nullable=False),
    Column("principal_kind", String(32), nullable=False),
    Column("principal_id", String(256), nullable=False),
    Column("directory", String(256), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", String(600), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("start_us", BigInteger, nullable=True),
    Column("expire_us", BigInteger, nullable=True),
    # JSON: what the holder may hand out by this assignment.
    Column("delegation", Text, nullable=True),
    UniqueConstraint("scope", "principal_key", "role_id", name="one_assignment_of_a_role"),
)
Index("role_assignments_by_principal", role_assignments.c.principal_key)
Index("role_assignments_by_scope", role_assignments.c.scope, role_assignments.c.id)

Index("role_assignments_by_role", role_assignments.c.role_id)

# Custom roles as they are; deleted ones too, so that they can be brought back.
role_definitions = Table(
    "role_definitions",
    metadata,
    Column("id", String(36), primary_key=True),
    # The display name in lower case; of a deleted role its id, so that the name is free again.
    Column("name_key", _exact(256), nullable=False, unique=True),
    Column("content", Text, nullable=False),
    Column("deleted_us", BigInteger, nullable=True),
    Column("revision", BigInteger, nullable=False),
)

# What they were before; append-only.
role_versions = Table(
    "role_versions",
    metadata,
    Column("role_id", String(36), ForeignKey("role_definitions.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", _exact(63), primary_key=True),
    Column("display_name", String(256), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", _exact(63), ForeignKey("groups.group_id"), primary_key=True),
    Column("member_key", _exact(600), primary_key=True),
    Column("member_kind", String(32), nullable=False),
    Column("member_id", String(256), nullable=False),
    Column("directory", String(256), nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
Index("group_members_by_member", group_members.c.member_key)

# A bounded memory of decisions, pruned oldest first.
decisions = Table(
    "decisions",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("decision_id", String(64), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("caller", String(600), nullable=False),
    Column("principal", String(600), nullable=False),
    Column("action", String(256), nullable=False),
    Column("scope", String(1024), nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("role_assignment", String(1200), nullable=False),
)
Index("decisions_by_decision_id", decisions.c.decision_id)

replies = replies_table(metadata)
