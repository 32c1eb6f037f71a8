"""Custom roles with their versions, groups, time windows, delegations, decisions.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    for name, kind in (
        ("start_us", sa.BigInteger()),
        ("expire_us", sa.BigInteger()),
        ("delegation", sa.Text()),
    ):
        op.add_column("role_assignments", sa.Column(name, kind, nullable=True))
    op.create_index("role_assignments_by_role", "role_assignments", ["role_id"])
    op.create_table(
        "role_definitions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name_key", _exact(256), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key"),
    )
    op.create_table(
        "role_versions",
        sa.Column("role_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["role_definitions.id"]),
        sa.PrimaryKeyConstraint("role_id", "version"),
    )
    op.create_table(
        "groups",
        sa.Column("group_id", _exact(63), nullable=False),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("group_id"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", _exact(63), nullable=False),
        sa.Column("member_key", _exact(600), nullable=False),
        sa.Column("member_kind", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(256), nullable=False),
        sa.Column("directory", sa.String(256), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"]),
        sa.PrimaryKeyConstraint("group_id", "member_key"),
    )
    op.create_index("group_members_by_member", "group_members", ["member_key"])
    op.create_table(
        "decisions",
        sa.Column("id", _Id, nullable=False),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("caller", sa.String(600), nullable=False),
        sa.Column("principal", sa.String(600), nullable=False),
        sa.Column("action", sa.String(256), nullable=False),
        sa.Column("scope", sa.String(1024), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("role_assignment", sa.String(1200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decisions_by_decision_id", "decisions", ["decision_id"])


def downgrade() -> None:
    """Undo."""
    for table in ("decisions", "group_members", "groups", "role_versions", "role_definitions"):
        op.drop_table(table)
    op.drop_index("role_assignments_by_role", table_name="role_assignments")
    with op.batch_alter_table("role_assignments") as batch:
        for name in ("delegation", "expire_us", "start_us"):
            batch.drop_column(name)
