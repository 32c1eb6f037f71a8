"""An immutable map whose next version shares nearly everything with this one.

Keys are spread over shards; a change copies the shards it touches, not the map, so that a write
costs the same at a million entries as at a thousand, and readers keep what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

_SHARDS: Final = 4096

Value = TypeVar("Value")


class Shards(Generic[Value]):
    """A persistent map from text to values.

    Args:
        parts: The shards; only this class makes them.
    """

    __slots__ = ("_parts", "is_empty")

    def __init__(self, parts: tuple[Mapping[str, Value], ...]) -> None:
        self._parts = parts
        self.is_empty = not any(parts)

    @classmethod
    def build(cls, entries: Iterable[tuple[str, Value]]) -> Shards[Value]:
        """Return the map of some entries; the last of a key counts."""
        parts: list[dict[str, Value]] = [{} for _ in range(_SHARDS)]
        for key, value in entries:
            parts[hash(key) % _SHARDS][key] = value
        return cls(tuple(parts))

    def get(self, key: str) -> Value | None:
        """Return the value of a key, or None."""
        return self._parts[hash(key) % _SHARDS].get(key)

    def present(self, keys: Iterable[str]) -> list[tuple[str, Value]]:
        """Return those of some keys that have a value, with it; for the price of one call."""
        parts = self._parts
        found = []
        for key in keys:
            value = parts[hash(key) % _SHARDS].get(key)
            if value is not None:
                found.append((key, value))
        return found

    def after(self, changes: Mapping[str, Value | None]) -> Shards[Value]:
        """Return the map with some keys set, or with None removed; this one stays as it is."""
        if not changes:
            return self
        parts = list(self._parts)
        fresh: dict[int, dict[str, Value]] = {}
        for key, value in changes.items():
            number = hash(key) % _SHARDS
            part = fresh.setdefault(number, dict(parts[number]))
            if value is None:
                part.pop(key, None)
            else:
                part[key] = value
            parts[number] = part
        return Shards(tuple(parts))

    def items(self) -> Iterator[tuple[str, Value]]:
        """Return every entry, in no particular order."""
        # Of a small map most shards are empty.
        for part in filter(None, self._parts):
            yield from part.items()

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shards) and self._parts == other._parts

    __hash__ = None  # type: ignore[assignment]  # compared by content, so not to be a key
