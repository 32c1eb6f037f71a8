from alembic import context

from tests.deskhold.chassis.things import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
