"""Who holds which host is looked up among the hosts that somebody holds.

A free host had an entry too, which each claim had to take out of one page and put into another.

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME = "one_host_per_user_and_slot"
_COLUMNS = ["collection_id", "user_key", "slot"]


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("hosts") as hosts:
        hosts.drop_constraint(_NAME, type_="unique")
    is_held = sa.text("user_key IS NOT NULL")
    op.create_index(
        _NAME, "hosts", _COLUMNS, unique=True, sqlite_where=is_held, postgresql_where=is_held
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(_NAME, table_name="hosts")
    with op.batch_alter_table("hosts") as hosts:
        hosts.create_unique_constraint(_NAME, _COLUMNS)
