"""Who had a host at a time, and the oldest ends, are found without reading the whole history.

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("history_by_time", "history", ["collection", "host_key", "time_us", "id"])
    is_end = sa.text("event = 'REMOVED'")
    op.create_index(
        "history_ends", "history", ["time_us"], sqlite_where=is_end, postgresql_where=is_end
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("history_ends", table_name="history")
    op.drop_index("history_by_time", table_name="history")
