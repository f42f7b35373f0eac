"""How the modules that read a model say what is wrong with it, and where."""

from __future__ import annotations


class Damage(Exception):  # noqa: N818 - it never leaves the package: `ModelFormatError` takes its message
    """What is wrong, and the places that it was found in, innermost first."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.places: list[str] = []

    def __str__(self) -> str:
        where = ", ".join(reversed(self.places))
        return f"{where}: {self.message}" if where else self.message


class Place:
    """A context that adds itself to the places of the `Damage` that passes through."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Damage):
            error.places.append(self.name)
