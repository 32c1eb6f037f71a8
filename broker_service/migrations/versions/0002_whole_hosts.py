"""Whole collections, app groups and hosts: what administrators decide of them.

Revision: 0002
Follows: 0001
"""

import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)


def _large(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _text(name: str, kind: sa.types.TypeEngine[str], default: str = "") -> sa.Column[str]:
    return sa.Column(name, kind, server_default=default, nullable=False)


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    return {
        "collections": (
            _large("updated_us"),
            _text("custom_rdp_properties", sa.Text()),
            _text("load_balancing", sa.String(16), "BREADTH_FIRST"),
            _number("max_sessions_per_host"),
            _number("active_limit_minutes"),
            _number("disconnected_limit_minutes"),
            _number("idle_limit_minutes"),
            _text("release_policy", sa.String(16), "FREE"),
        ),
        "app_groups": (
            _large("updated_us"),
            _text("uid", sa.String(36)),
            _text("type", sa.String(16), "DESKTOP"),
            _text("display_name", sa.String(256)),
            _text("description", sa.String(1024)),
            _text("applications", sa.Text(), "[]"),
            _number("version", 1),
        ),
        "hosts": (
            _large("updated_us"),
            _text("friendly_name", sa.String(256)),
            _text("new_connections", sa.String(16), "YES"),
            _text("drained_boot_id", sa.String(64)),
            _number("relative_weight", 100),
            _number("session_limit"),
            sa.Column("reserved_user", sa.String(256)),
            sa.Column("reserved_user_key", _exact(600)),
            sa.Column("reserved_until_us", sa.BigInteger()),
            sa.Column("reserved_by", sa.String(600)),
            sa.Column("quarantined_us", sa.BigInteger()),
            sa.Column("claim_rank", sa.SmallInteger(), server_default=sa.text("1")),
            _number("session_count"),
            _number("sign_in_count"),
            _large("load"),
        ),
        "history": (_text("host_key", _exact(63)),),
    }


# Name, table, condition, columns.
_INDEXES = (
    (
        "free_hosts",
        "hosts",
        "user_key IS NULL AND claim_rank IS NOT NULL",
        ["collection_id", "claim_rank", "claim_key"],
    ),
    (
        "hosts_by_load",
        "hosts",
        "claim_rank IS NOT NULL",
        ["collection_id", "claim_rank", "load", "claim_key"],
    ),
    (
        "reserved_hosts",
        "hosts",
        "reserved_user_key IS NOT NULL",
        ["collection_id", "reserved_user_key"],
    ),
    ("history_by_collection", "history", None, ["collection", "id"]),
    ("history_by_host", "history", None, ["collection", "host_key", "id"]),
    ("history_by_user", "history", None, ["collection", "user_key", "id"]),
)
_BEFORE = (
    ("free_hosts", "hosts", "user_key IS NULL", ["collection_id", "claim_key"]),
    ("history_by_host", "history", None, ["collection", "host_id", "id"]),
)


def upgrade() -> None:
    """Apply."""
    for name, table, _, _ in _BEFORE:
        op.drop_index(name, table_name=table)
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    for index in _INDEXES:
        _create(*index)
    _fill()


def downgrade() -> None:
    """Undo."""
    for name, table, _, _ in _INDEXES:
        op.drop_index(name, table_name=table)
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    for index in _BEFORE:
        _create(*index)


def _create(name: str, table: str, condition: str | None, columns: list[str]) -> None:
    where = None if condition is None else sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _fill() -> None:
    connection = op.get_bind()
    for statement in (
        "UPDATE collections SET updated_us = created_us",
        "UPDATE app_groups SET updated_us = created_us",
        "UPDATE hosts SET updated_us = created_us",
        # Ids of hosts are ASCII, so that every engine folds them alike.
        "UPDATE history SET host_key = lower(host_id)",
    ):
        connection.execute(sa.text(statement))
    named = sa.text("UPDATE app_groups SET uid = :uid WHERE id = :id")
    for row in connection.execute(sa.text("SELECT id FROM app_groups")).all():
        connection.execute(named, {"uid": str(uuid.uuid4()), "id": row.id})
