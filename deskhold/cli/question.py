"""The flags of a question: may they do ACTION there?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from deskhold.cli.flags import ScopeFlags, principal_options, scope_options
from deskhold.identities import Principal


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        action: What.
        scope: Where.
        principal: Who; None: the caller.
        group_ids: The groups that the principal's own token names.
    """

    action: str
    scope: str
    principal: Principal | None
    group_ids: tuple[str, ...]

    def sentence(self, verb: str) -> str:
        """Return it as people say it: `bob may hosts/write at /`."""
        who = "you" if self.principal is None else self.principal.id
        return f"{who} {verb} {self.action} at {self.scope}"


def question_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ACTION and the flags, which arrive as one `Question` named `question`."""

    @wraps(function)
    def packed(
        *args: Any,
        action: str,
        where: ScopeFlags,
        principal: Principal | None,
        token_groups: Iterable[str],
        **kwargs: Any,
    ) -> Any:
        question = Question(action, where.or_deployment(), principal, tuple(token_groups))
        return function(*args, question=question, **kwargs)

    token_group = click.option(
        "--token-group",
        "token_groups",
        metavar="G",
        multiple=True,
        help="With a principal: a group that its own token names; may be repeated.",
    )
    return click.argument("action")(principal_options(scope_options(token_group(packed))))
