"""Malformed and extreme case files: each ends in a clean message or a valid run, soon, and never in a traceback.

Warnings are errors in tests: what overflows on its way is found, too. The tier says how many examples there are; those
of the tiers fast and ci are always the same ones, those of the tier full are new ones every time.
"""

from __future__ import annotations

import datetime
import math
import os
import re
import resource
import shutil
import signal
import tempfile
import tomllib
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import phasefield as pf
from microstructures import Microstructure
from phasefield.campaigns.design import points
from phasefield.campaigns.folder import SweepFolder, make_plan
from phasefield.campaigns.sweep_file import SweepFile, list_sweeps, load_sweep
from phasefield.case import Case, case_folder, case_to_toml, list_cases, load_case
from phasefield.errors import CaseError, RunError, Stopped
from phasefield.report import case_report
from phasefield.schema import Quantity
from phasefield.setup import build_setup

TIER = os.environ.get("TIER", "fast")
LONGEST_MESSAGE = 20_000  # characters
MOST_MEMORY = 1.5e9  # bytes that setting up a tiny case may take at its peak


def examples(fast: int, ci: int, full: int) -> Any:
    """Return the settings of a test with so many examples in each tier."""
    return settings(
        max_examples={"fast": fast, "ci": ci, "full": full}[TIER],
        derandomize=TIER != "full",
        deadline=None,  # see ``within``: examples are short, but the first one compiles or imports
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if what is inside takes longer: a hang ends the test, not the patience of who runs it."""

    def too_long(*_: object) -> None:
        pytest.fail(f"took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def assert_clean(error: CaseError | RunError) -> None:
    """Fail unless an error says something, in a message that people can read."""
    assert 0 < len(str(error)) < LONGEST_MESSAGE
    assert "Traceback" not in str(error)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the shipped cases read."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(case_folder() / "inputs", folder / "inputs")
    return folder


def loaded(path: Path | str, overrides: Mapping[str, str] | None = None) -> Case | None:
    """Return a case, or None if it is refused in a clean message."""
    try:
        with within(20.0):
            return load_case(path, overrides)
    except CaseError as error:
        assert error.faults
        assert_clean(error)
        return None


def assert_whole(case: Case, desk: Path) -> None:
    """Fail unless an accepted case can be used: its ``case.toml`` reads back as the same case."""
    assert case.assumed
    assert case.grid.to_grid().size > 0
    path = desk / "again.toml"
    path.write_text(case_to_toml(case), encoding="utf-8")
    assert load_case(path) == case


# ---------------------------------------------------------------- bytes and texts

SHIPPED = {entry.name: entry.path for entry in list_cases()}
SWEEPS = list_sweeps()
SHARDS = [
    "=", "[", "]", "[[", "{", "}", '"', "'", '"""', "\n", "\\", "\0", "#", ".", ",", "\ufeff", "\u2028", "é", "inf", "-inf", "nan",
    "-1", "0", "1e999", "9" * 400, "0x" + "f" * 40, "true", "[]", "{}", '""', "1979-05-27T07:32:00Z", "a.b.c = 1", "[grid]",
    "[[protocol.steps]]", "../../etc/passwd", "/dev/zero", '"\\u0000"', "x = " + "[" * 200, "a." * 400 + "a = 1", "\r",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, texts: list[bytes]) -> bytes:
    """Draw a text with some pieces cut out, doubled, moved, overwritten."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = text[start:end]
        shard = draw(st.one_of(st.sampled_from(SHARDS).map(str.encode), st.binary(max_size=8)))
        new = draw(st.sampled_from([b"", piece + piece, shard, piece[::-1], shard + piece]))
        text = text[:start] + new + text[end:]
    return text


CASE_TEXTS = [path.read_bytes() for path in SHIPPED.values()]
SWEEP_TEXTS = [path.read_bytes() for path in SWEEPS.values()]
MALFORMED = st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode), *[mutated(CASE_TEXTS)] * 4)


@examples(150, 600, 6000)
@given(MALFORMED)
@example(b"a" * 1_000_000)
@example(b"a." * 300_000 + b"a = 1")
@example(b"x = " + b"[" * 500_000)
@example(b"x = " + b"9" * 100_000)
@example(b"[grid]\nsize = " + b"0x" + b"f" * 100_000)
@example(b"".join(b"k%d = 1\n" % number for number in range(5_000)))
@example(b'format = 1\nquestion = "' + b"." * 100_000 + b'"')
def test_no_file_does_more_than_be_refused(desk: Path, content: bytes) -> None:
    path = desk / "malformed.toml"
    path.write_bytes(content)
    case = loaded(path)
    if case is not None:
        event("accepted")
        assert_whole(case, desk)


# ---------------------------------------------------------------- keys and values


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, Quantity | None]:
    """Return every key of a table and of those inside it; a list of tables has its entry 0. With their quantities."""
    found: dict[str, Quantity | None] = {}
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        found[key] = next((m for m in field.metadata if isinstance(m, Quantity)), _quantity_in(field.annotation))
        several, inner = _table_in(field.annotation)
        if inner is not None:
            found |= keys_of(inner, f"{key}[0]." if several else f"{key}.")
    return found


def _quantity_in(annotation: Any) -> Quantity | None:
    parts = [*typing.get_args(annotation), *getattr(annotation, "__metadata__", ())]
    own = [part for part in parts if isinstance(part, Quantity)]
    return next(iter(own), None) or next(filter(None, map(_quantity_in, typing.get_args(annotation))), None)


def _table_in(annotation: Any) -> tuple[bool, type[BaseModel] | None]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return False, annotation
    for choice in typing.get_args(annotation):
        several, inner = _table_in(choice)
        if inner is not None:
            return several or typing.get_origin(annotation) is tuple, inner
    return False, None


KEYS = keys_of(Case)
UNITS = [
    "um",
    "nm",
    "m",
    "s",
    "h",
    "V",
    "mV",
    "MPa",
    "mA/cm^2",
    "mAh/cm^2",
    "S/m",
    "ohm cm^2",
    "K",
    "degC",
    "deg",
    "eV",
    "%",
]
NUMBERS = [
    "0", "-0.0", "1", "-1", "0.5", "3", "1e-6", "1e-30", "1e-300", "5e-324", "1e6", "1e29", "1e300", "1.8e308", "inf", "-inf", "nan",
    "9" * 30, ".", "1e", "0x10", "1_000",
]  # fmt: skip
MAGNITUDES = st.one_of(
    st.sampled_from(NUMBERS),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-32.0, 32.0).map(lambda power: f"{10.0**power:.3g}"),
)


def nested(depth: int, table: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if table else [value]
    return value


SCALARS = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300, 5e-324, 0, -1, 2**31, 2**63 - 1, 2**63, 10**400]),
    st.sampled_from([True, False, "", "x", "\0", "../x", "none", datetime.date(1979, 5, 27), datetime.time(7, 32)]),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.builds("{} {}".format, MAGNITUDES, st.sampled_from(UNITS)),
)
HOSTILE = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.dictionaries(st.text(max_size=6), SCALARS, max_size=3),
    st.builds(nested, st.sampled_from([2, 20, 40, 120]), st.booleans()),
)


@st.composite
def fitting(draw: st.DrawFn, key: str) -> Any:
    """Draw a value of about the right kind: of the right dimension, but of any magnitude."""
    quantity = KEYS[key]
    if quantity is None:
        return draw(SCALARS)
    text = f"{draw(MAGNITUDES)} {quantity.shown or quantity.unit}"
    return draw(st.sampled_from([text, [text], [text, text], [text] * 4]))


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw some keys and what they become."""
    keys = draw(st.lists(st.sampled_from([*KEYS, "nonsense", "grid.nonsense"]), min_size=1, max_size=4, unique=True))
    return {key: draw(HOSTILE if key not in KEYS else st.one_of(HOSTILE, fitting(key))) for key in keys}


def put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Put a value where a key says, through whatever stands there."""
    *sections, last = key.split(".")
    for section in sections:
        name, several, _ = section.partition("[")
        there = tables.get(name)
        inner = there[0] if isinstance(there, list) and there else there
        if not isinstance(inner, dict):
            inner = {}
            tables[name] = [inner] if several else inner
        tables = inner
    tables[last] = value


@examples(300, 1000, 10_000)
@given(st.sampled_from(sorted(SHIPPED)), changes(), st.lists(st.integers(0, 5), max_size=2))
def test_no_value_does_more_than_be_refused(desk: Path, name: str, changed: dict[str, Any], gone: list[int]) -> None:
    tables = tomllib.loads(SHIPPED[name].read_text(encoding="utf-8"))
    for index in gone:
        tables.pop(list(tables)[index % len(tables)], None)
    for key, value in changed.items():
        put(tables, key, value)
    path = desk / "hostile.toml"
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    case = loaded(path)
    if case is not None:
        event("accepted")
        assert_whole(case, desk)


@examples(200, 700, 6000)
@given(
    st.sampled_from(sorted(SHIPPED)),
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(KEYS)), st.text(max_size=12)),
        st.one_of(st.text(max_size=20), st.sampled_from(SHARDS), HOSTILE.map(str)),
        min_size=1,
        max_size=3,
    ),
)
@example("bicrystal", {"microstructure.labels.pore": "[" + "0x" + "f" * 10_000 + "]"})
@example("bicrystal", {"grid.size": '"1 Gm^9*Gm^9*Gm^9*Gm^9/m^9/m^9/m^9/m^8"'})
@example("bicrystal", {"materials.electrolyte": "../" * 2000 + "x.toml"})
@example("bicrystal", {"solver.ionic_tolerance": "nan"})
@example("bicrystal", {"grid.\udcff": "\udcff"})
@example("bicrystal", {"question": "\udcff", "grid.size": "\udcff"})
def test_no_override_does_more_than_be_refused(desk: Path, name: str, overrides: dict[str, str]) -> None:
    case = loaded(name, overrides)
    if case is not None:
        event("accepted")
        assert case.assumed


# ---------------------------------------------------------------- sweeps

SWEEP_KEYS = sorted(keys_of(SweepFile))


def planned(path: Path, folder: Path) -> None:
    """Plan the first runs of a sweep, or see it refused."""
    folder.mkdir(exist_ok=True)
    try:
        with within(60.0):
            sweep = load_sweep(path)
            found = points(sweep)
            event("points")
            make_plan(SweepFolder(folder), sweep.base, sweep.overrides, found[:2])
            event("planned")
    except CaseError as error:
        assert_clean(error)


@examples(60, 200, 2000)
@given(mutated(SWEEP_TEXTS))
@example(b"format = 1\ncase = 'bicrystal'\nset." + b"a." * 3000 + b"a = 1")
@example(b"format = 1\ncase = 'bicrystal'\nseeds = [0x" + b"f" * 5000 + b"]")
@example(
    b"format = 1\ncase = 'bicrystal'\n[[axes]]\nkey = 'solver.threads'\nfrom = 0x"
    + b"f" * 300
    + b"\nto = 1\nnumber = 2"
)
def test_no_sweep_file_does_more_than_be_refused(desk: Path, content: bytes) -> None:
    path = desk / "sweep.toml"
    path.write_bytes(content)
    planned(path, desk / "plan")


@examples(150, 400, 4000)
@given(st.dictionaries(st.sampled_from(SWEEP_KEYS), HOSTILE, max_size=3), changes())
def test_no_value_of_a_sweep_does_more_than_be_refused(
    desk: Path, changed: dict[str, Any], cases: dict[str, Any]
) -> None:
    tables: dict[str, Any] = {"format": 1, "case": "bicrystal", "axes": []}
    for key, value in cases.items():
        tables["axes"].append({"key": key, "values": [value, value]})
    for key, value in changed.items():
        put(tables, key, value)
    path = desk / "sweep.toml"
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    planned(path, desk / "plan")


# ---------------------------------------------------------------- ceramics


@st.composite
def tiny(draw: st.DrawFn) -> dict[str, str]:
    """Draw a small grid with a ceramic whose lengths are mostly possible, on cells of any size."""
    cell = 10.0 ** draw(st.floats(-9.0, -2.0))

    def length(least: float, most: float) -> str:
        return f'"{cell * draw(st.floats(least, most)):.12g} m"'

    def number(*values: float) -> str:
        return repr(draw(st.sampled_from(values)))

    def word(*words: str) -> str:
        return draw(st.sampled_from(words))

    shape = draw(st.sampled_from([(24,), (24, 16), (48, 24), (20, 1), (16, 10, 8), (14, 1, 10)]))
    width = cell * draw(st.sampled_from([1.0, 1.0, 1.5, 3.0]))
    sizes = ", ".join(f'"{n * cell:.12g} m"' for n in shape)
    metal = draw(st.sampled_from([0.0, 6.0, 6.0, 8.0]))
    keys = {
        "grid.size": f"[{sizes}]",
        "grid.spacing": f'"{cell:.12g} m"',
        "grid.lateral": word("periodic", "mirror"),
        "metal.interface_width": f'"{width:.12g} m"',
        "electrodes.working_thickness": f'"{metal * width:.12g} m"',
        "microstructure.kind": word("voronoi", "laguerre", "bricks", "bicrystal", "single_crystal"),
        "microstructure.grain_size": length(3.0, 30.0),
        "microstructure.seed": str(draw(st.integers(0, 2**31 - 1))),
        "grain_boundaries.band_width": length(6.0, 14.0),
        "grain_boundaries.allow_coarse": word("true", "true", "false"),
        "grain_boundaries.opening": length(0.01, 6.0),
        "grain_boundaries.collecting_length": length(0.1, 100.0),
    }
    length_of_a_body = length(1.0, 6.0)
    optional = {
        "microstructure.size_log_width": number(0.0, 0.3, 1.0),
        "microstructure.relaxation": number(0, 2, 8),
        "microstructure.grain_size": length(30.0, 90.0) if draw(st.booleans()) else '"1 m"',
        "microstructure.angle": word('"0 deg"', '"90 deg"', '"-90 deg"', '"1e-6 deg"', '"33 deg"'),
        "grain_boundaries.band_width": length(1e-9, 3.0),
        "grain_boundaries.accommodation_pressure.log_width": number(0.0, 5.0),
        "grain_boundaries.accommodation_pressure.median": word('"1e-20 Pa"', '"1e30 Pa"'),
        "grain_boundaries.electrons.distribution": word("uniform", "log_normal", "leaky_fraction", "misorientation"),
        "grain_boundaries.electrons.log_width": number(0.0, 5.0),
        "grain_boundaries.electrons.leaky_fraction": number(0.0, 1.0),
        "grain_boundaries.electrons.contrast": number(1e-300, 1.0),
        "grain_boundaries.electrons.trapped_ratio": number(1.0, 1e6),
        "grain_boundaries.special": word("{}", '{ low_angle = "90 deg", resistance_ratio = 0.0 }'),
        "grain_boundaries.coating": '{ thickness = "1 nm", ionic_conductivity = "1e-29 S/m", electronic_conductivity = "1e29 S/m" }',
        "microstructure.pores": f"{{ porosity = {number(0.001, 0.05, 0.3, 0.6)}, radius = {length_of_a_body}, "
        f'location = "{word("triple_junctions", "grain_boundaries", "grain_interiors", "channels")}", '
        f"log_width = {number(0.0, 0.0, 1.0)} }}",
        "microstructure.second_phase": f"{{ fraction = {number(0.01, 0.5)}, radius = {length_of_a_body}, "
        'ionic_conductivity = "1e-29 S/m", electronic_conductivity = "1e29 S/m" }',
        "electrodes.roughness": f"{{ rms = {length(0.01, 5.0)}, correlation_length = {length(0.5, 12.0)} }}",
        "nucleation.law": word("deterministic", "poisson"),
        "transport.pore_surface_ratio": number(0.0, 1e6),
        "reaction.plain": "true",
    }
    if len(shape) == 1:
        keys["grid.size"] = sizes
    if draw(st.booleans()) and len(shape) > 1:
        optional["microstructure.elongation"] = number(0.05, 1.0, 20.0)
        optional["microstructure.elongation_axis"] = word("x", "y", "z")
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True))
    return keys | {key: optional[key] for key in chosen}


def assert_sound(structure: Microstructure) -> None:
    """Fail unless a ceramic's maps are what they say."""
    assert structure.grain_id.shape == structure.grid.shape
    assert np.array_equal(structure.grain_id == 0, structure.in_electrode)
    for name in ("grain_boundary_fraction", "pore_fraction", "second_phase_fraction"):
        share = getattr(structure, name)
        assert np.all((share >= 0.0) & (share <= 1.0)), name


@examples(60, 200, 3000)
@given(tiny())
def test_every_ceramic_is_made_or_refused(keys: dict[str, str]) -> None:
    case = loaded("bicrystal", keys)
    assume(case is not None)
    assert case is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with within(60.0):
            setup = build_setup(case)
            said = case_report(case)
    except CaseError as error:
        assert_clean(error)
        event("refused")
    else:
        event("made")
        assert said.rows
        assert_sound(setup.structure)
        assert np.all(setup.problem.ceramic.ionic_conductivity > 0.0)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024.0 < MOST_MEMORY


@pytest.mark.parametrize(
    "keys",
    [
        {"grid.size": '["4 mm", "4 mm"]', "electrodes.working_thickness": "0 um"},
        {"grid.size": '["0.4 mm", "0.4 mm", "0.32 mm"]', "electrodes.working_thickness": "0 um"},
    ],
)
def test_a_case_larger_than_the_machine_is_refused_before_it_takes_memory(
    keys: dict[str, str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1_000_000}.__getitem__)
    case = load_case("bicrystal", keys)
    with within(10.0), pytest.raises(CaseError, match=r"grid\.spacing: .* need about .* GB of memory.*grid\.size"):
        build_setup(case)


# ---------------------------------------------------------------- files that cases read

IMAGES = sorted((case_folder() / "inputs").glob("*"))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@examples(60, 200, 3000)
@given(st.sampled_from(IMAGES), st.data())
def test_no_image_does_more_than_be_refused(desk: Path, image: Path, data: st.DataObject) -> None:
    path = desk / f"broken{image.suffix}"
    path.write_bytes(data.draw(mutated([image.read_bytes()])))
    table = "mesh" if image.suffix == ".vtu" else "image"
    deep = image.stem.endswith("3d")
    keys = {
        "grid.size": '["4 um", "4 um", "4 um"]' if deep else '["4 um", "4 um"]',
        "electrodes.working_thickness": "0 um",
        "microstructure": f'{{ kind = "{table}", file = "{path}", {table} = {"{}" if table == "mesh" else _VOXEL} }}',
        "grain_boundaries.allow_coarse": "true",
    }
    case = loaded("llzo_from_image", keys)
    assume(case is not None)
    assert case is not None
    try:
        with within(60.0):
            assert_sound(build_setup(case).structure)
        event("made")
    except CaseError as error:
        assert_clean(error)


_VOXEL = '{ voxel = "0.4 um" }'

COORDINATES = st.one_of(st.floats(0.0, 16.0).map(repr), st.sampled_from([*NUMBERS, "", "x", '"', ","]))


@examples(60, 200, 3000)
@given(
    st.sampled_from(["x_um,y_um", "x_um,y_um,radius_um", "x_um", "", "\0", '"x_um']),
    st.lists(st.lists(COORDINATES, min_size=1, max_size=4), max_size=8),
)
@example("x_um,y_um", [["1", "x" * 200_000]])
@example("x_um,y_um,radius_um", [["5", "5", "1e300"], ["9", "5", "1"]])
def test_no_list_of_grains_does_more_than_be_refused(desk: Path, header: str, rows: list[list[str]]) -> None:
    path = desk / "grains.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]), encoding="utf-8")
    keys = {"microstructure": f'{{ kind = "centres", file = "{path}" }}', "electrodes.working_thickness": "0 um"}
    case = loaded("bicrystal", keys)
    assert case is not None
    try:
        with within(60.0):
            assert_sound(build_setup(case).structure)
        event("made")
    except CaseError as error:
        assert_clean(error)


# ---------------------------------------------------------------- runs

STEPS = 12  # then a run has shown that it goes


class Enough:
    """Stop a run after some steps, as a signal would."""

    def __call__(self, state: Any, report: Any) -> None:
        if report.step >= STEPS:
            raise Stopped("that was enough")

    def close(self, outcome: str) -> None:
        """Do nothing."""


PHYSICS = [
    key
    for key, quantity in KEYS.items()
    if quantity is not None
    and key.split(".")[0]
    in ("materials", "grain_boundaries", "grains", "electrodes", "transport", "nucleation", "protocol", "solver")
    and "[" not in key
    and not re.match(r"materials\.(metal|electrolyte|interface)\.", key)
]
LAWS = {
    "transport.electronic_law": ["constant", "n_type", "fitted"],
    "reaction.kinetics": ["linear", "butler_volmer"],
    "reaction.hysteresis": ["true", "false"],
    "transport.capacitance": ["true", "false"],
    "transport.leakage": ["true", "false"],
    "nucleation.law": ["deterministic", "poisson"],
    "electrodes.counter_electrons": ["blocking", "contact"],
    "grain_boundaries.accommodation_pressure.log_width": ["0.0", "5.0"],
    "reaction.transfer_coefficient": ["1e-9", "0.999999"],
    "materials.temperature": ['"100 K"', '"450 K"'],
    "grid.size": ['["12 um", "4.8 um", "2 um"]', '"16 um"'],
}


@st.composite
def physics(draw: st.DrawFn) -> dict[str, str]:
    """Draw a tiny case with some numbers of any magnitude."""
    keys = {
        "grid.size": '["12 um", "4.8 um"]',
        "output.preview": "false",
        "solver.threads": "1",
        "protocol.duration": '"1 h"',
    }
    for key in draw(st.lists(st.sampled_from(sorted(LAWS)), max_size=3, unique=True)):
        keys[key] = draw(st.sampled_from(LAWS[key]))
    if keys.get("transport.electronic_law") == "fitted":
        keys["transport.bias_slope"] = draw(st.sampled_from(['"50 V^-1"', '"-50 V^-1"']))
    for key in draw(st.lists(st.sampled_from(PHYSICS), min_size=1, max_size=3, unique=True)):
        quantity = KEYS[key]
        assert quantity is not None
        power = draw(st.one_of(st.floats(-3.0, 3.0), st.floats(-30.0, 30.0)))
        sign = draw(st.sampled_from(["", "", "-"]))
        keys[key] = f'"{sign}{10.0**power:.3g} {quantity.shown or quantity.unit}"'
    return keys


@examples(40, 120, 2000)
@given(physics())
def test_every_run_is_valid_or_fails_with_a_reason(keys: dict[str, str]) -> None:
    case = loaded("bicrystal", keys)
    assume(case is not None)
    assert case is not None
    with tempfile.TemporaryDirectory() as place:
        assert_valid_or_failed(case, Path(place, "run"))


def assert_valid_or_failed(case: Case, folder: Path) -> None:
    """Run some steps of a case, and look at what they leave."""
    reason = None
    try:
        with within(120.0):
            pf.run(case, out=folder, observers=[Enough()])
    except Stopped:
        pass
    except (CaseError, RunError) as error:
        assert_clean(error)
        reason = str(error)
    if reason is not None and not folder.exists():
        event("refused")
        return
    results = pf.load(folder)
    outcome = results.summary["outcome"]
    event(outcome)
    assert (outcome == "failed") == (reason is not None)
    if reason is not None:
        assert reason.startswith(results.summary["reason"])
    assert not list(folder.rglob("*.tmp"))
    assert (folder / "history.csv").read_bytes().endswith(b"\n")
    assert load_case(folder / "case.toml").assumed
    for index in range(len(results.times)):
        assert np.all(np.isfinite(results.frame(index)["metal_fraction"]))
