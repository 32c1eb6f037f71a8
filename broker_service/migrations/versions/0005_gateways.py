"""Collections name their gateway, and how `.rdp` files spell the user.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("gateway_address", sa.String(253), nullable=False, server_default=""),
        sa.Column("gateway_port", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("routing_token_format", sa.String(16), nullable=False, server_default="PLAIN"),
        sa.Column("user_name_format", sa.String(16), nullable=False, server_default="AS_ASSIGNED"),
    ):
        op.add_column("collections", column)


def downgrade() -> None:
    """Undo."""
    for name in ("user_name_format", "routing_token_format", "gateway_port", "gateway_address"):
        op.drop_column("collections", name)
