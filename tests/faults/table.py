"""The table at the end of `make faults`: a row a fault and database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

# Under this name a row travels with the report of its test, from other processes too.
PROPERTY = "faults row"
_TITLES = (
    *("fault", "database", "acknowledged", "refused", "lost", "held twice"),
    *("unauthorized", "INTERNAL", "ended", "serves after"),
)


@dataclass(frozen=True)
class Row:
    """What one fault did.

    Attributes:
        fault: Its name, and by which means it was made where there are several.
        database: Which kind the services kept their data in.
        acknowledged, refused: Mutations.
        lost: Acknowledged mutations that are not there afterwards.
        held_twice: Hosts with two holders.
        unauthorized: Effects of callers without the right.
        internal: Answers of INTERNAL or UNKNOWN.
        ended: Processes that ended and were not killed by the test.
        seconds: From the end of the fault until every kind of mutation was acknowledged again;
            None: not within three minutes.
    """

    fault: str
    database: str
    acknowledged: int
    refused: int
    lost: int
    held_twice: int
    unauthorized: int
    internal: int
    ended: int
    seconds: float | None

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the row that `values` came of."""
        return cls(**values)

    def values(self) -> dict[str, Any]:
        """Return it as what travels between processes."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """Return it as text, a cell a column."""
        *counts, seconds = tuple(self.values().values())
        return (*map(str, counts), "never" if seconds is None else f"{seconds:.1f} s")


def lines(rows: Iterable[Row]) -> Sequence[str]:
    """Return the table, a line a row."""
    cells = [_TITLES, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_TITLES))]
    return [
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
