"""The broker's store: collections, hosts with their holds, history, transitions, replies.

Revision: 0001
Follows: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "collections",
        sa.Column("id", _Id, nullable=False),
        sa.Column("name", _exact(1024), nullable=False),
        sa.Column("tenant", _exact(1024), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("auto_assign_user", sa.Boolean(), nullable=False),
        sa.Column("grant_administrative_privilege", sa.Boolean(), nullable=False),
        sa.Column("max_desktops_per_user", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "type = 'PERSONAL' OR (type = 'POOLED' AND NOT auto_assign_user"
            " AND NOT grant_administrative_privilege)",
            name="personal_flags_only_on_personal",
        ),
        sa.CheckConstraint("max_desktops_per_user >= 1", name="at_least_one_desktop"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("collections_by_tenant", "collections", ["tenant", "name"], unique=False)
    op.create_table(
        "history",
        sa.Column("id", _Id, nullable=False),
        sa.Column("collection", _exact(1024), nullable=False),
        sa.Column("collection_uid", sa.String(length=36), nullable=False),
        sa.Column("host_id", sa.String(length=63), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("user_key", _exact(600), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=600), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("history_by_host", "history", ["collection", "host_id", "id"], unique=False)
    op.create_table(
        "replies",
        sa.Column("caller", sa.String(length=600), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "request_id"),
    )
    op.create_index("replies_by_time", "replies", ["created_us"], unique=False)
    op.create_table(
        "scope_changes",
        sa.Column("name", _exact(1024), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=36), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('CREATING', 'REMOVING')", name="a_known_state"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "app_groups",
        sa.Column("id", _Id, nullable=False),
        sa.Column("collection_id", _Id, nullable=False),
        sa.Column("app_group_id", _exact(63), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("collection_id", "app_group_id", name="one_app_group_of_a_name"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", _Id, nullable=False),
        sa.Column("collection_id", _Id, nullable=False),
        sa.Column("tenant", _exact(1024), nullable=False),
        sa.Column("host_id", sa.String(length=63), nullable=False),
        sa.Column("host_key", _exact(63), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("claim_key", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=True),
        sa.Column("user_key", _exact(600), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("assigned_us", sa.BigInteger(), nullable=True),
        sa.Column("assigned_by", sa.String(length=600), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(user_key IS NULL) = (slot IS NULL)", name="held_with_a_slot"),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("collection_id", "host_key", name="one_host_of_a_name"),
        sa.UniqueConstraint("collection_id", "user_key", "slot", name="one_host_per_user_and_slot"),
        sa.UniqueConstraint("tenant", "host_key", name="a_host_is_in_one_collection_of_a_tenant"),
    )
    op.create_index(
        "free_hosts",
        "hosts",
        ["collection_id", "claim_key"],
        unique=False,
        sqlite_where=sa.text("user_key IS NULL"),
        postgresql_where=sa.text("user_key IS NULL"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(
        "free_hosts",
        table_name="hosts",
        sqlite_where=sa.text("user_key IS NULL"),
        postgresql_where=sa.text("user_key IS NULL"),
    )
    op.drop_table("hosts")
    op.drop_table("app_groups")
    op.drop_table("scope_changes")
    op.drop_index("replies_by_time", table_name="replies")
    op.drop_table("replies")
    op.drop_index("history_by_host", table_name="history")
    op.drop_table("history")
    op.drop_index("collections_by_tenant", table_name="collections")
    op.drop_table("collections")
