"""What a failure of the database means: whether to run again, and what callers are told.

PostgreSQL says it by SQLSTATE (its manual's appendix A). SQLite says nothing of the kind, and while
it writes there is nobody to race with.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

from deskhold.errors import Unavailable

RETRY_SECONDS = 1.0

_LOST_RACE = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_MET_A_ROW = frozenset({"23503", "23505"})  # foreign_key_violation, unique_violation
# transaction_resolution_unknown, statement_completion_unknown
_UNKNOWN = frozenset({"08007", "40003"})
_LOCKED = "55P03"  # lock_not_available: lock_timeout passed


def is_undone(error: Exception) -> bool:
    """Whether others undid the transaction before its commit, so that it may be run again."""
    return lost_a_race(error) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def lost_a_race(error: Exception) -> bool:
    """Whether the transaction was undone for another that went on."""
    return _sqlstate(error) in _LOST_RACE


def met_a_row(error: Exception) -> bool:
    """Whether a constraint failed, perhaps for what another process committed meanwhile."""
    return _sqlstate(error) in _MET_A_ROW


def ends_transaction(error: Exception) -> bool:
    """Whether nothing else can go on in the transaction.

    A lock that was waited for in vain is such an error too, or every item would wait for it again.
    """
    return is_undone(error) or _sqlstate(error) == _LOCKED


def is_unknown(error: DBAPIError) -> bool:
    """Whether a commit that failed so may have been made."""
    return error.connection_invalidated or _sqlstate(error) in _UNKNOWN


def judged(error: Exception) -> Exception:
    """Return what the caller of one item is told that failed in its savepoint."""
    # Disk full, took too long.
    return unavailable(error) if isinstance(error, OperationalError) else error


def closing() -> Unavailable:
    """Return the error for what is submitted while the service stops."""
    return Unavailable(
        "the service stops; nothing was changed; retry later",
        retry_after_seconds=RETRY_SECONDS,
    )


def unavailable(error: BaseException | None) -> Unavailable:
    """Return the error for a transaction that was not made."""
    told = Unavailable(
        "the database does not answer; nothing was changed; retry later",
        retry_after_seconds=RETRY_SECONDS,
    )
    told.__cause__ = error
    return told


def outcome_unknown(error: BaseException | None) -> Unavailable:
    """Return the error for a transaction that was made or was not."""
    told = Unavailable(
        "the connection to the database was lost during the commit, and the change may have been"
        " made or not; repeating it with the same request id is safe",
        retry_after_seconds=RETRY_SECONDS,
    )
    told.__cause__ = error
    return told


def _sqlstate(error: Exception) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
