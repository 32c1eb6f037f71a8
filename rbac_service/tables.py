"""Tables and constraints of the policy store, nothing else.

Times are microseconds since the epoch. Paths and keys compare byte by byte on every engine.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

from deskhold.chassis.replay import replies_table

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
    UniqueConstraint("scope", "principal_key", "role_id", name="one_assignment_of_a_role"),
)
Index("role_assignments_by_principal", role_assignments.c.principal_key)
Index("role_assignments_by_scope", role_assignments.c.scope, role_assignments.c.id)

replies = replies_table(metadata)
