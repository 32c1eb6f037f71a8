"""The policy store: head, log, scopes, role assignments, replies.

Revision: 0001
Follows: nothing
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="head_is_one_row"),
    )
    op.create_table(
        "log",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=600), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
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
        "scopes",
        sa.Column("path", _exact(1024), nullable=False),
        sa.Column("parent", _exact(1024), nullable=True),
        sa.Column("display_name", sa.String(length=256), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["scopes.path"],
        ),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("scopes_by_parent", "scopes", ["parent"], unique=False)
    op.create_table(
        "role_assignments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("scope", _exact(1024), nullable=False),
        sa.Column("role_id", sa.String(length=36), nullable=False),
        sa.Column("principal_key", _exact(600), nullable=False),
        sa.Column("principal_kind", sa.String(length=32), nullable=False),
        sa.Column("principal_id", sa.String(length=256), nullable=False),
        sa.Column("directory", sa.String(length=256), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=600), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope"],
            ["scopes.path"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "principal_key", "role_id", name="one_assignment_of_a_role"),
    )
    op.create_index(
        "role_assignments_by_principal", "role_assignments", ["principal_key"], unique=False
    )
    op.create_index("role_assignments_by_scope", "role_assignments", ["scope", "id"], unique=False)
    op.execute(
        sa.text("INSERT INTO head (id, epoch, revision) VALUES (1, :epoch, 0)").bindparams(
            epoch=uuid.uuid4().hex
        )
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("role_assignments_by_scope", table_name="role_assignments")
    op.drop_index("role_assignments_by_principal", table_name="role_assignments")
    op.drop_table("role_assignments")
    op.drop_index("scopes_by_parent", table_name="scopes")
    op.drop_table("scopes")
    op.drop_index("replies_by_time", table_name="replies")
    op.drop_table("replies")
    op.drop_table("log")
    op.drop_table("head")
