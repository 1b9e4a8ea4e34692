"""``phasefield materials``: every number with its unit, temperature and source; assumed ones say so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

from phasefield.materials import MaterialEntry, list_materials, load_material


def test_lists_every_material(phasefield: Callable[..., Result]) -> None:
    shown = phasefield("materials")
    assert shown.exit_code == 0
    words = shown.stdout.split()
    assert [e.name for e in list_materials() if e.name not in words] == []
    assert {"lithium", "llzo_al", "li_llzo"} <= set(words)


def shown_numbers(text: str) -> dict[str, tuple[list[str], str]]:
    """Return, by key, the lines of the value and the words of the source, as a table shows them."""
    numbers: dict[str, tuple[list[str], str]] = {}
    key = ""
    for row in text.splitlines():
        if row.startswith("│"):
            first, value, source = (cell.strip() for cell in row.strip("│").split("│"))
            key = first or key
            lines, words = numbers.get(key, ([], ""))
            numbers[key] = ([*lines, value] if value else lines, f"{words} {source}".strip())
    return numbers


@pytest.mark.parametrize("entry", list_materials(), ids=lambda entry: entry.name)
def test_shows_every_number(phasefield: Callable[..., Result], entry: MaterialEntry) -> None:
    shown = shown_numbers(phasefield("materials", entry.name).stdout)
    numbers = load_material(entry.kind, entry.name).numbers
    assert set(shown) == set(numbers)
    for key, number in numbers.items():
        lines, source = shown[key]
        assert lines[0] == number.value
        assert source.startswith(number.source)
        assert ("assumed" in lines) == number.assumed


def test_shows_temperature_and_activation_energy(phasefield: Callable[..., Result]) -> None:
    lines, _ = shown_numbers(phasefield("materials", "llzo_al").stdout)["ionic_conductivity"]
    assert lines == ["0.046 S/m", "at 298.15 K", "E_a 0.34 eV"]


def test_an_unknown_name_is_bad_input(phasefield: Callable[..., Result]) -> None:
    ended = phasefield("materials", "unobtainium")
    assert ended.exit_code == 2
    assert "no material is called 'unobtainium'" in ended.stderr
    assert "llzo_al" in ended.stderr
