"""More kinds of case: of commands that say something, and do nothing that shows elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.journeys.cmdlets.cases import Question, Scene, answer, like
from tests.journeys.cmdlets.desk import Done


@dataclass(frozen=True)
class Tells:
    """It prints what is so, and changes nothing.

    Attributes:
        prints: What it prints, as far as it matters.
        code: Its exit code, which for some commands is the answer.
        keeps: A question to which the answer stays as it was.
    """

    typed: str
    prints: Any
    code: int = 0
    keeps: Question = ""
    carries: Any = None

    def prove(self, scene: Scene, typed: str) -> Done:
        before = answer(scene, self.keeps) if self.keeps else None
        done = scene.type(typed)
        assert done.code == self.code, done.said
        _assert_like(done.printed, scene.filled(self.prints))
        if self.keeps:
            assert answer(scene, self.keeps) == before
        return done


@dataclass(frozen=True)
class Among:
    """It prints a list, in which much may be that other tests left there.

    Attributes:
        has: What is in the list, as far as it matters.
        lacks: What is not.
    """

    typed: str
    has: list[Any]
    lacks: list[Any]
    carries: Any = None

    def prove(self, scene: Scene, typed: str) -> Done:
        done = scene.type(typed)
        assert done.code == 0, done.said
        assert [one for one in scene.filled(self.has) if not _is_in(done.printed, one)] == []
        assert [one for one in scene.filled(self.lacks) if _is_in(done.printed, one)] == []
        return done


@dataclass(frozen=True)
class Writes:
    """It prints a text for another program.

    Attributes:
        lines: Lines of the text.
    """

    typed: str
    lines: tuple[str, ...]
    carries: Any = None

    def prove(self, scene: Scene, typed: str) -> Done:
        done = scene.type(typed)
        assert done.code == 0, done.said
        printed = str(done.printed).splitlines()
        assert [one for one in self.lines if scene.filled(one) not in printed] == []
        return done


@dataclass(frozen=True)
class Follows:
    """It prints what happened, then what happens, until it is interrupted.

    Attributes:
        first: The lines that it prints of what has happened.
        then: What is typed meanwhile.
        next: The line that it prints of that.
    """

    typed: str
    first: list[Any]
    then: str
    next: Any
    carries: Any = None

    def prove(self, scene: Scene, typed: str) -> Done:
        following = scene.follow(typed)
        try:
            for line in self.first:
                _assert_like(following.read(), scene.filled(line))
            # What fails is told by its reason, and would never be printed.
            assert not isinstance(told := scene.ask(self.then), str), told
            _assert_like(following.read(), scene.filled(self.next))
        finally:
            done = following.interrupt()
        assert (done.code, "Aborted" in done.said) == (130, False), done.said
        return done


def _assert_like(printed: Any, expected: Any) -> None:
    assert like(printed, expected) == expected


def _is_in(printed: list[Any], expected: Any) -> bool:
    return any(like(one, expected) == expected for one in printed)
