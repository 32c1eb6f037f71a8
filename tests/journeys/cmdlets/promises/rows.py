"""The rows of `What the source promises` in docs/cmdlets.md."""

from __future__ import annotations

from tests.docs.cmdlets import DOCUMENT
from tests.docs.tables import codes, table

# What stands between backticks in `Here`, by what is promised.
PROMISES = {
    row["In the source"]: tuple(codes(row["Here"]))
    for row in table(DOCUMENT, "What the source promises").rows
}
