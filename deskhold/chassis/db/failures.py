"""The meaning of a failure of the database: whether to run again, and what callers are told.

PostgreSQL reports it by SQLSTATE (its manual's appendix A). SQLite has one writer, and nobody to
lose a race against.
"""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from deskhold.errors import Unavailable

RETRY_SECONDS = 1.0

_LOST_RACE = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_MET_A_ROW = frozenset({"23503", "23505"})  # foreign_key_violation, unique_violation
# transaction_resolution_unknown, statement_completion_unknown
_UNKNOWN = frozenset({"08007", "40003"})
_LOCKED = "55P03"  # lock_not_available: lock_timeout passed
_CANCELED = "57014"  # query_canceled: statement_timeout passed, or an administrator canceled it
_READ_ONLY = "25006"  # read_only_sql_transaction: the server has become a standby
_DEFECTS = (DataError, IntegrityError, ProgrammingError)


def may_run_again(error: BaseException) -> bool:
    """Whether nothing was committed and another run may succeed.

    So it is when another transaction went on instead, when the connection broke, and when a
    constraint met a row that another process committed meanwhile: the next run sees that row.
    """
    is_broken = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_broken or _sqlstate(error) in _LOST_RACE | _MET_A_ROW


def is_locked(error: BaseException | None) -> bool:
    """Whether a lock was waited for in vain."""
    return _sqlstate(error) == _LOCKED


def is_unknown(error: DBAPIError) -> bool:
    """Whether a commit that failed so may have been made."""
    return error.connection_invalidated or _sqlstate(error) in _UNKNOWN


def is_demoted(error: BaseException | None) -> bool:
    """Whether the server accepts no writes any more: the next connection may reach another one."""
    return getattr(error, "sqlstate", None) == _READ_ONLY


def judged(error: BaseException) -> BaseException:
    """Return what the caller is told of a failure: a defect as it is, else why and what to do."""
    if isinstance(error, _DEFECTS) and not error.connection_invalidated:
        return error
    if is_locked(error):
        return _unavailable("another transaction holds a row that this one needs", error)
    if _sqlstate(error) == _CANCELED:
        return _unavailable("the database took too long", error)
    return _unavailable("the database does not answer", error)


def too_slow(seconds: float) -> Unavailable:
    """Return the error for work that was not done in its time."""
    return _unavailable(f"the database was not done within {seconds:.3g} s")


def outcome_unknown(error: BaseException | None) -> Unavailable:
    """Return the error for a transaction that was made or was not."""
    told = Unavailable(
        "the connection to the database was lost during the commit, and the change may have been"
        " made or not; repeating it with the same request id is safe",
        retry_after_seconds=RETRY_SECONDS,
    )
    told.__cause__ = error
    return told


def closed() -> Unavailable:
    """Return the error for work that arrives while the service stops."""
    return _unavailable("the service is stopping")


def _unavailable(why: str, error: BaseException | None = None) -> Unavailable:
    told = Unavailable(
        f"{why}; nothing was changed; retry in {RETRY_SECONDS:g} s",
        retry_after_seconds=RETRY_SECONDS,
    )
    told.__cause__ = error
    return told


def _sqlstate(error: BaseException | None) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
