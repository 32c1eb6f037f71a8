"""The kinds of effect that words on a command line can have, and how each is proved.

What is typed stands in a case as people type it. `{it}` is what the row of the document writes, in
each of its spellings; names in braces are those of the scene.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from tests.journeys.cmdlets.desk import Desk, Done, Following


@dataclass(frozen=True)
class Scene:
    """What is there before something is typed.

    Attributes:
        desk: Where it is typed.
        command: The command of the row that is proved.
        names: What can stand in braces.
    """

    desk: Desk
    command: str
    names: Mapping[str, str]

    def type(self, words: str) -> Done:
        """Type the row's command."""
        return self.desk.type(self.command, self._split(words))

    def type_on_terminal(self, words: str, *, answer: str) -> Done:
        """Type the row's command where people are asked."""
        return self.desk.type_on_terminal(self.command, self._split(words), answer=answer)

    def follow(self, words: str) -> Following:
        """Start the row's command, which goes on until it is interrupted."""
        return self.desk.follow(self.command, self._split(words))

    def ask(self, question: str) -> Any:
        """Type `COMMAND: WORDS`, several with && between; return what the last one prints.

        When one fails, its reason is returned and the rest not typed.
        """
        printed: Any = None
        for one in question.split(" && "):
            command, _, words = one.partition(": ")
            done = self.desk.type(command, self._split(words))
            if done.code:
                return done.reason
            printed = done.printed
        return printed

    def filled(self, expected: Any) -> Any:
        """Return an expectation with the names in it."""
        if isinstance(expected, str):
            return expected.format_map(self.names)
        if isinstance(expected, dict):
            return {key: self.filled(value) for key, value in expected.items()}
        if isinstance(expected, list):
            return [self.filled(one) for one in expected]
        return expected

    def _split(self, words: str) -> list[str]:
        return [word.format_map(self.names) for word in shlex.split(words)]


Arrange = Callable[[Desk], Mapping[str, str]]
# A command line, or for what has none, what an agent is told.
Question = str | Callable[[Scene], Any]


class Case(Protocol):
    """What the words of a row do.

    Attributes:
        typed: Words after the row's command.
        carries: What the row's field holds in the request, once for each value; None when the row
            names the values itself, or nothing carries it.
    """

    @property
    def typed(self) -> str: ...
    @property
    def carries(self) -> Any: ...

    def prove(self, scene: Scene, typed: str) -> Done:
        """Type it, and assert its effect."""
        ...


@dataclass(frozen=True)
class Change:
    """What a question shows afterwards it did not show before.

    Attributes:
        then: The question.
        shows: What it shows afterwards, as far as it matters; a text is the reason of a failure.
        not_by: Words that are refused beforehand: the same without the option.
    """

    typed: str
    carries: Any
    then: Question
    shows: Any
    not_by: str = ""

    def prove(self, scene: Scene, typed: str) -> Done:
        expected = scene.filled(self.shows)
        assert like(answer(scene, self.then), expected) != expected
        if self.not_by:
            assert scene.type(self.not_by).code != 0
            assert like(answer(scene, self.then), expected) != expected
        done = scene.type(typed)
        assert done.code == 0, done.said
        assert like(answer(scene, self.then), expected) == expected
        return done


@dataclass(frozen=True)
class Unasked:
    """On a terminal it asks nobody; other words, without the option, ask, and no means no.

    Attributes:
        then: The question that shows what is done.
        shows: What it shows afterwards.
        unlike: The other words.
    """

    typed: str
    then: Question
    shows: Any
    unlike: str
    carries: Any = None

    def prove(self, scene: Scene, typed: str) -> Done:
        expected = scene.filled(self.shows)
        asked = scene.type_on_terminal(self.unlike, answer="no\n")
        assert asked.code == 1
        assert "? [y/N]:" in asked.said
        assert like(answer(scene, self.then), expected) != expected
        done = scene.type_on_terminal(typed, answer="no\n")
        assert done.code == 0, done.said
        assert "[y/N]" not in done.said
        assert like(answer(scene, self.then), expected) == expected
        return done


@dataclass(frozen=True)
class Look:
    """It prints what other words do not.

    Attributes:
        prints: What it prints, as far as it matters.
        unlike: The other words: without the option, or with another value.
    """

    typed: str
    carries: Any
    prints: Any
    unlike: str

    def prove(self, scene: Scene, typed: str) -> Done:
        expected = scene.filled(self.prints)
        other = scene.type(self.unlike)
        assert other.code == 0, other.said
        assert like(other.printed, expected) != expected
        done = scene.type(typed)
        assert done.code == 0, done.said
        assert like(done.printed, expected) == expected
        return done


@dataclass(frozen=True)
class Preview:
    """It changes nothing of what other words, without the option, do change.

    Attributes:
        then: The question that shows it.
        unlike: The other words.
    """

    typed: str
    then: str
    unlike: str
    carries: Any = True

    def prove(self, scene: Scene, typed: str) -> Done:
        before = scene.ask(self.then)
        done = scene.type(typed)
        assert done.code == 0, done.said
        assert scene.ask(self.then) == before
        real = scene.type(self.unlike)
        assert real.code == 0, real.said
        assert scene.ask(self.then) != before
        return done


@dataclass(frozen=True)
class Refusal:
    """It is refused, and changes nothing of what it would have.

    Attributes:
        reason: Why.
        then: The question that shows what stays.
    """

    typed: str
    carries: Any
    reason: str
    then: str

    def prove(self, scene: Scene, typed: str) -> Done:
        before = scene.ask(self.then)
        done = scene.type(typed)
        assert (done.code != 0, done.reason) == (True, self.reason), done.said
        assert scene.ask(self.then) == before
        return done


@dataclass(frozen=True)
class Table:
    """The cases of rows that begin alike: those of one cmdlet, or of commands without an original.

    Attributes:
        arrange: Makes what the cases begin with.
        cases: By the parameter, as the document writes it; where no cmdlet has one, by the option;
            without an original, by the command.
    """

    arrange: Arrange
    cases: Mapping[str, Case | tuple[Case, ...]]

    def scene(self, desk: Desk, command: str) -> Scene:
        """Return the scene of a case; one for all where every case only looks."""
        only_looks = all(isinstance(one, Look) for key in self.cases for one in self.of(key))
        names = _arranged_once(self.arrange, desk) if only_looks else self.arrange(desk)
        return Scene(desk, command, names)

    def of(self, key: str) -> tuple[Case, ...]:
        """Return the cases of a row."""
        found = self.cases[key]
        return found if isinstance(found, tuple) else (found,)


@cache
def _arranged_once(arrange: Arrange, desk: Desk) -> Mapping[str, str]:
    return arrange(desk)


def spelled(case: Case, spellings: tuple[str, ...]) -> Iterator[str]:
    """Yield what is typed for a case, in each spelling of what the row writes."""
    if "{it}" not in case.typed:
        yield case.typed
        return
    for spelling in spellings:
        yield case.typed.replace("{it}", spelling)


def answer(scene: Scene, question: Question) -> Any:
    return scene.ask(question) if isinstance(question, str) else question(scene)


def like(actual: Any, expected: Any) -> Any:
    """Return of something only what an expectation speaks of."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {key: like(actual.get(key), value) for key, value in expected.items()}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [like(*pair) for pair in zip(actual, expected, strict=True)]
    return actual
