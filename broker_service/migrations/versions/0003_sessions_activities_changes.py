"""What agents report, sessions, activities, changes.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "activities",
        sa.Column("id", _Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("method", sa.String(length=128), nullable=False),
        sa.Column("actor", sa.String(length=600), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("user_key", _exact(600), nullable=False),
        sa.Column("tenant", _exact(1024), nullable=False),
        sa.Column("collection", _exact(1024), nullable=False),
        sa.Column("host_key", _exact(63), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=256), nullable=False),
        sa.Column("scope", _exact(1024), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("role_assignment", sa.String(length=256), nullable=False),
        sa.Column("request_id", _exact(128), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("activities_by_tenant", "activities", ["tenant", "id"], unique=False)
    op.create_index("activities_by_actor", "activities", ["actor", "id"], unique=False)
    op.create_index("activities_by_request", "activities", ["request_id"], unique=False)
    op.create_index("activities_by_time", "activities", ["started_us"], unique=False)
    op.create_index("activities_by_user", "activities", ["user_key", "id"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", _Id, nullable=False),
        sa.Column("tx", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tenant", _exact(1024), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", _exact(1024), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("changes_in_order", "changes", ["tx", "id"], unique=False)
    op.create_table(
        "host_reports",
        sa.Column("host", _Id, nullable=False),
        sa.Column("heartbeat_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("agent_version", sa.String(length=64), nullable=False),
        sa.Column("health_checks", sa.Text(), nullable=False),
        sa.Column("administrators", sa.Text(), nullable=False),
        sa.Column("administrator_keys", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("host"),
    )
    op.create_index("host_reports_by_heartbeat", "host_reports", ["heartbeat_us"], unique=False)
    op.create_table(
        "session_commands",
        sa.Column("command_id", _exact(36), nullable=False),
        sa.Column("host", _Id, nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=1024), nullable=False),
        sa.Column("author", sa.String(length=600), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("command_id"),
    )
    op.create_index(
        "session_commands_by_host", "session_commands", ["host", "created_us"], unique=False
    )
    op.create_index("session_commands_by_time", "session_commands", ["created_us"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("host", _Id, nullable=False),
        sa.Column("session_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("collection_id", _Id, nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("user_key", _exact(600), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=True),
        sa.Column("disconnected_us", sa.BigInteger(), nullable=True),
        sa.Column("idle_us", sa.BigInteger(), nullable=False),
        sa.Column("client_name", sa.String(length=256), nullable=False),
        sa.Column("client_address", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.String(length=63), nullable=False),
        sa.Column("reported_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
        ),
        sa.PrimaryKeyConstraint("host", "session_id"),
    )
    op.create_index("sessions_by_user", "sessions", ["collection_id", "user_key"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("collection_id", _Id, nullable=False),
        sa.Column("user_key", _exact(600), nullable=False),
        sa.Column("host", _Id, nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
        ),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("collection_id", "user_key"),
    )
    op.create_index("sign_ins_by_expiry", "sign_ins", ["expires_us"], unique=False)
    op.create_index("sign_ins_by_host", "sign_ins", ["host"], unique=False)


def downgrade() -> None:
    """Undo."""
    for table in (
        "sign_ins",
        "sessions",
        "session_commands",
        "host_reports",
        "changes",
        "activities",
    ):
        op.drop_table(table)
