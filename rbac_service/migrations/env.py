"""Runs the migrations on the connection that `deskhold.chassis.db.migrate` opened."""

from alembic import context

from rbac_service.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    transaction_per_migration=False,
)
context.run_migrations()
