"""Transactions: how work is run in them, run again, stopped, and answered.

Other processes write to the same PostgreSQL. What they can do to a transaction is made good here
and nowhere else: work that lost against another (serialization failure, deadlock), whose connection
broke before the commit, or that met a row which another process committed meanwhile, runs again.
Work may therefore run several times, and only its last run counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from deskhold.chassis.db.failures import (
    is_unknown,
    judged,
    may_run_again,
    outcome_unknown,
    too_slow,
)
from deskhold.chassis.db.running import Running, Stopped
from deskhold.chassis.db.work import Work

# A lost race is lost to another transaction that went on, so a few runs are enough.
_RUNS = 5
_PAUSE_SECONDS = 0.02


def run_alone(engine: Engine, work: Work, running: Running) -> None:
    """Run work in a transaction of its own, and keep its result or error."""
    for run in range(1, _RUNS + 1):
        work.result = work.error = None
        try:
            work.result = _attempt(engine, work, running)
        except BaseException as error:  # whatever it is, its caller is told and the thread goes on
            if run == _RUNS or work.is_stopped or not may_run_again(error):
                work.error = _told(work, error)
                return
        else:
            return
        # Longer each time and never the same, or those who met would meet again.
        time.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * (2**run - 2))  # noqa: S311


def run_together(engine: Engine, works: Sequence[Work], running: Running) -> None:
    """Run work of several callers in one transaction, so that they share its commit (SQLite).

    Each runs in a savepoint and fails alone. When the transaction as a whole fails, each is run by
    itself.
    """
    try:
        _share(engine, works, running)
    except Exception:  # whatever it is, those whose it is get it now
        for work in works:
            run_alone(engine, work, running)


def _attempt(engine: Engine, work: Work, running: Running) -> Any:
    with engine.connect() as connection, running.on(connection):
        with running.statements_of(work):
            transaction = connection.begin()
            result = work.run(connection)
        if work.writes and not work.dry:
            _commit(transaction)
        else:
            transaction.rollback()
        return result


def _commit(transaction: RootTransaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if is_unknown(error):
            # It must not be run again: it may have been committed.
            transaction.connection.invalidate()
            raise outcome_unknown(error) from error
        transaction.rollback()  # SQLite leaves it open
        raise


def _share(engine: Engine, works: Sequence[Work], running: Running) -> None:
    with engine.connect() as connection, running.on(connection), connection.begin():
        for work in works:
            work.result = work.error = None
            savepoint = connection.begin_nested()
            try:
                with running.statements_of(work):
                    work.result = work.run(connection)
            except BaseException as error:  # whatever it is, its caller is told
                # Raises when SQLite has undone the whole transaction, as when the disk is full.
                savepoint.rollback()
                work.error = _told(work, error)
            else:
                if work.dry:
                    savepoint.rollback()
                else:
                    savepoint.commit()


def _told(work: Work, error: BaseException) -> BaseException:
    if not isinstance(error, DBAPIError | Stopped):
        return error
    return too_slow(work.seconds) if work.is_stopped else judged(error)
