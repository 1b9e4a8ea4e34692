"""A bad case: every fault in one message, with its path and what would be right."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from phasefield.case import load_case
from phasefield.errors import CaseError, Fault

BAD = """
format = 2
extra = 1
[grid]
size = ["64 um", 48]
spacing = 0.4
lateral = "periodc"
[materials]
metal = "lithum"
interface = 5
electrolyte = "llzo_al"
set.electrolyte.ionic = "1 S/m"
set.metal.molar_volume = "1 m"
[microstructure]
kind = "voronoi"
seed = 1.5
pores = {porosity = 0.7, radius = "1 mm/s"}
[grain_boundaries]
band_widht = "2.4 um"
accommodation_pressure = "60 MPa"
[electrodes]
working_thickness = "-1 um"
[transport]
leakage = "yes"
[reaction]
transfer_coefficient = 1.0
[output]
fields = ["metal_fractoin"]
[solver]
threads = -1
ionic_tolerance = true
"""


def faults(path, overrides=None):
    with pytest.raises(CaseError) as caught:
        load_case(path, overrides)
    return {fault.path: fault for fault in caught.value.faults}, str(caught.value)


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    return faults(path)


EXPECTED = [
    ("format", "2 is not allowed", "use 1"),
    ("extra", "unknown key", "known here"),
    ("grid.size[1]", "48 is a bare number", '"0.4 um"'),
    ("grid.spacing[0]", "0.4 is a bare number", 'write it with its unit, for example "0.4 um"'),
    ("grid.lateral", "'periodc' is not allowed", "did you mean periodic? (use one of periodic, mirror)"),
    ("materials.metal", "no metal is called 'lithum'", "did you mean lithium?"),
    ("materials.interface", "5 is not a name", "a shipped interface"),
    ("materials.set.electrolyte.ionic", "unknown key", "ionic_conductivity"),
    ("materials.set.metal.molar_volume", "'1 m' is not a molar volume", '"1.3e-5 m^3/mol"'),
    ("microstructure.seed", "1.5 is not a whole number", "whole number"),
    ("microstructure.pores[0].porosity", "0.7 is out of range", "less than or equal to 0.6"),
    ("microstructure.pores[0].radius", "'1 mm/s' is not a length", '"0.4 um"'),
    ("grain_boundaries.band_width", "missing", 'band_width = "2.4 um"'),
    ("grain_boundaries.band_widht", "unknown key", "did you mean band_width?"),
    ("grain_boundaries.accommodation_pressure", "is not a table", "[grain_boundaries.accommodation_pressure]"),
    ("electrodes.working_thickness", "'-1 um' is out of range", "at least 0 um"),
    ("transport.leakage", "'yes' is neither true nor false", "without quotes"),
    ("reaction.transfer_coefficient", "1.0 is out of range", "less than 1"),
    ("protocol", "missing", "add the table [protocol]"),
    ("output.fields[0]", "'metal_fractoin' is not a field", "did you mean metal_fraction?"),
    ("solver.threads", "-1 is out of range", "greater than or equal to 0"),
    ("solver.ionic_tolerance", "True is not a number", "plain number"),
]


@pytest.mark.parametrize(("path", "problem", "right"), EXPECTED)
def test_each_fault_says_what_is_wrong_and_what_is_right(bad, path, problem, right):
    found, _ = bad
    assert problem in found[path].problem
    assert right in found[path].right


def test_all_faults_stand_in_one_message(bad):
    found, message = bad
    assert set(found) == {path for path, _, _ in EXPECTED}
    assert "bad.toml" in message.splitlines()[0]
    assert all(any(line.strip().startswith(f"{path}:") for line in message.splitlines()) for path in found)


CONSISTENCY = [
    ({"grid.spacing": "0.5 um"}, "grid.size[0]", "69 um"),
    ({"grid.spacing": "0.5 um"}, "grain_boundaries.band_width", "at least 3 um"),
    ({"grid.spacing": "1 m"}, "grid.spacing", "at least 4"),
    ({"grid.spacing": "0.0001 um"}, "grid.spacing", "larger cells"),
    ({"metal.interface_width": "0.7 um"}, "grain_boundaries.band_width", "at least 2.8 um"),
    ({"metal.interface_width": "0.3 um"}, "metal.interface_width", "at least 0.4 um"),
    ({"grain_boundaries.opening": "3 um"}, "grain_boundaries.opening", "fit into the band"),
    ({"microstructure.grain_size": "4.7 um"}, "microstructure.grain_size", "at least 4.8 um"),
    ({"microstructure.kind": "single_crystal"}, "microstructure.pores", "porosity = 0"),
    ({"microstructure.pores.radius": "0.3 um"}, "microstructure.pores.radius", "smaller cells"),
    ({"electrodes.working_thickness": "2.3 um"}, "electrodes.working_thickness", "at least 2.4 um"),
    ({"electrodes.working_thickness": "68.8 um"}, "electrodes.working_thickness", "longer box"),
    ({"materials.electrolyte": "nasicon_na3_4"}, "materials.electrolyte", "metal = sodium"),
    ({"materials.electrolyte": "nasicon_na3_4"}, "materials.interface", "na_nasicon"),
    ({"materials.electrolyte": "lipon"}, "materials.interface", "take li_lipon"),
    ({"materials.temperature": "200 degC"}, "materials.temperature", "solid metal"),
    ({"materials.set.electrolyte.boundary_conductivity": "1 S/m"}, "materials.electrolyte", "not exceed"),
    ({"reaction.plain": "true", "reaction.reservoir": "true"}, "reaction.reservoir", "leave one"),
    ({"protocol.voltage": "10 mV"}, "protocol", "exactly one"),
    ({"protocol.current_density": "0 mA/cm^2"}, "protocol.current_density", "duration"),
    ({"output.every": "1 s"}, "output", "one of them"),
    ({"solver.time_step_max": "1e-6 s"}, "solver.time_step_max", "larger"),
    ({"transport.electronic_law": "fitted"}, "transport.bias_slope", "is not 0 there"),
    ({"transport.bias_slope": "1.5 V^-1"}, "transport.bias_slope", 'belongs to electronic_law = "fitted"'),
    ({"nucleation.radius": "0.79 um"}, "nucleation.radius", "at least 0.8 um"),
    ({"nucleation.overpotential": "-1 mV"}, "nucleation.overpotential", '"5 mV"'),
    ({"nucleation.law": "poisson", "nucleation.sites": "[]"}, "nucleation.sites", '"grain_boundaries"'),
]


@pytest.mark.parametrize(("overrides", "path", "right"), CONSISTENCY)
def test_keys_that_do_not_fit_together_are_refused(overrides, path, right):
    found, _ = faults("llzo_grain_boundary", overrides)
    assert right in found[path].right


PLACES = [
    ('"40 um"', "the number of lengths is 1, that of the grid's axes 2", "one length per axis"),
    ('"40 um", "24 um", "1 um"', "the number of lengths is 3, that of the grid's axes 2", "one length per axis"),
    ('"40 um", "48.1 um"', "lies outside of the box", "at most 68.8 um, 48 um"),
    ('"69 um", "24 um"', "lies outside of the box", "at most 68.8 um, 48 um"),
    ('"4.7 um", "24 um"', "lies in the working electrode", "x is at least 4.8 um"),
]


@pytest.mark.parametrize(("place", "problem", "right"), PLACES)
def test_nuclei_lie_inside_the_ceramic(tmp_path, place, problem, right):
    text = load_case("llzo_grain_boundary").source_text
    good = '[[nucleation.nuclei]]\nplace = ["4.8 um", "48 um"]\n'
    path = tmp_path / "nuclei.toml"
    path.write_text(f"{text}\n{good}{good.replace('4.8 um', '68.8 um')}[[nucleation.nuclei]]\nplace = [{place}]\n")
    found, _ = faults(path)
    assert set(found) == {"nucleation.nuclei[2].place"}
    fault = found["nucleation.nuclei[2].place"]
    assert problem in fault.problem and right in fault.right


def test_a_nucleus_has_as_many_lengths_as_the_box(tmp_path):
    def write(name, place):
        path = tmp_path / f"{name}.toml"
        path.write_text(f"{load_case(name).source_text}\n[[nucleation.nuclei]]\nplace = {place}\n")
        return path

    assert load_case(write("flat_plating", '["30 um"]')).nucleation.nuclei
    assert (
        "grid's axes 1" in faults(write("flat_plating", '["30 um", "1 um"]'))[0]["nucleation.nuclei[0].place"].problem
    )
    deep = write("bicrystal", '["8 um", "4 um", "1 um"]')
    assert load_case(deep, {"grid.size": '["16 um", "9.6 um", "8 um"]'}).nucleation.nuclei
    assert "grid's axes 2" in faults(deep)[0]["nucleation.nuclei[0].place"].problem


def test_listed_nuclei_need_no_sites():
    assert load_case("llzo_grain_boundary", {"nucleation.sites": "[]"}).nucleation.sites == ()


FIELDS_OF_LEAKAGE = [
    ({"nucleation.law": "random"}, "nucleation.law", "deterministic, poisson"),
    ({"nucleation.sites": '["grain_boundaries", "grains"]'}, "nucleation.sites[1]", "pore_surfaces"),
    ({"nucleation.barrier_factor": "1.5"}, "nucleation.barrier_factor", "less than or equal to 1"),
    ({"nucleation.rate_prefactor": "1e20 s^-1"}, "nucleation.rate_prefactor", '"1e20 m^-2 s^-1"'),
    ({"nucleation.radius": "2"}, "nucleation.radius", "with its unit"),
    ({"nucleation.seed": "-1"}, "nucleation.seed", "greater than or equal to 0"),
    ({"nucleation.place": "1 um"}, "nucleation.place", "known here"),
    ({"grain_boundaries.electrons.distribution": "weibull"}, "grain_boundaries.electrons.distribution", "log_normal"),
    ({"grain_boundaries.electrons.contrast": "0"}, "grain_boundaries.electrons.contrast", "greater than 0"),
    ({"grain_boundaries.electrons.trapped_ratio": "0.5"}, "grain_boundaries.electrons.trapped_ratio", "equal to 1"),
    ({"grain_boundaries.electrons.leaky_fraction": "1.1"}, "grain_boundaries.electrons.leaky_fraction", "equal to 1"),
    ({"grain_boundaries.electrons.leaky_angle": "15"}, "grain_boundaries.electrons.leaky_angle", "with its unit"),
    ({"grain_boundaries.coating.coverage": "1"}, "grain_boundaries.coating.thickness", "5 nm"),
    ({"grain_boundaries.coating.thickness": "5 nm"}, "grain_boundaries.coating.ionic_conductivity", "6e-4 S/m"),
    ({"grain_boundaries.coating.ionic_conductivity": "0 S/m"}, "grain_boundaries.coating.ionic_conductivity", "more"),
    ({"transport.bias_slope": "1.5 V"}, "transport.bias_slope", '"1.5 V^-1"'),
    ({"transport.pore_surface_ratio": "-1"}, "transport.pore_surface_ratio", "greater than or equal to 0"),
]


@pytest.mark.parametrize(("overrides", "path", "right"), FIELDS_OF_LEAKAGE)
def test_keys_of_leakage_and_nucleation_are_refused_with_their_path(overrides, path, right):
    found, _ = faults("llzo_grain_boundary", overrides)
    assert right in found[path].right


def test_all_consistency_faults_stand_in_one_message():
    found, _ = faults("llzo_grain_boundary", {"materials.electrolyte": "nasicon_na3_4", "protocol.voltage": "1 V"})
    assert set(found) == {"materials.electrolyte", "materials.interface", "protocol"}


def test_field_faults_come_before_consistency_faults():
    found, _ = faults("llzo_grain_boundary", {"protocol.voltage": "1 V", "grid.lateral": "open"})
    assert set(found) == {"grid.lateral"}


def test_narrow_bands_run_if_told_so():
    overrides = {"grain_boundaries.band_width": "1.2 um"}
    assert "grain_boundaries.band_width" in faults("llzo_grain_boundary", overrides)[0]
    assert load_case("llzo_grain_boundary", overrides | {"grain_boundaries.allow_coarse": "true"})


@pytest.mark.parametrize(
    ("cell", "band", "electrode"), [("0.9 um", "5.4 um", "8.1 um"), ("1.1 um", "6.6 um", "9.9 um")]
)
def test_lengths_equal_in_decimals_are_equal(cell, band, electrode):
    size = '["90 um", "9 um"]' if cell == "0.9 um" else '["88 um", "11 um"]'
    keys = {"grid.spacing": cell, "grid.size": size, "grain_boundaries.band_width": band}
    load_case("bicrystal", keys | {"electrodes.working_thickness": electrode})


def test_an_end_of_the_run_is_needed(tmp_path):
    path = tmp_path / "endless.toml"
    text = load_case("bicrystal").source_text.replace('capacity = "0.05 mAh/cm^2"', "")
    path.write_text(text, encoding="utf-8")
    assert "no end" in faults(path)[0]["protocol"].problem


def test_boundaries_need_their_table(tmp_path):
    path = tmp_path / "flat.toml"
    text = load_case("flat_plating").source_text.replace('"single_crystal"', '"bicrystal"')
    path.write_text(text, encoding="utf-8")
    assert "table is missing" in faults(path)[0]["grain_boundaries"].problem


def test_more_than_three_dimensions_are_refused():
    found, _ = faults("bicrystal", {"grid.size": '["1 um", "1 um", "1 um", "1 um"]'})
    assert found["grid.size"].problem == "4 axes are too many"
    assert found["grid.size"].right == "give one to three lengths"


def test_each_length_of_a_3d_box_is_checked_and_its_cells_are_counted():
    found, _ = faults("bicrystal", {"grid.size": '["16 um", "9.6 um", "1.3 um"]'})
    assert set(found) == {"grid.size[2]"} and "3.25 cells" in found["grid.size[2]"].problem
    found, _ = faults("bicrystal", {"grid.size": '["800 um", "800 um", "800 um"]'})
    assert "8e+09 cells fit no machine" in found["grid.spacing"].problem
    size, spacing = '["16 um", "9.6 um", "8 um"]', '["0.4 um", "0.4 um"]'
    found, _ = faults("bicrystal", {"grid.size": size, "grid.spacing": spacing})
    assert found["grid.spacing"].problem == "2 entries for 3 axes"
    assert load_case("bicrystal", {"grid.size": size}).grid.shape == (40, 24, 20)


def test_broken_toml_names_file_and_line(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("format = 1\n[grid\n", encoding="utf-8")
    message = faults(path)[1]
    assert "broken.toml, line 2" in message and "Expected ']'" in message


def test_files_that_cannot_be_read_are_named(tmp_path):
    assert "none.toml: cannot be read" in faults(tmp_path / "none.toml")[1]
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in faults(tmp_path / "binary.toml")[1]


def test_faults_of_a_material_file_are_in_the_message(tmp_path):
    case = load_case("bicrystal")
    (tmp_path / "mine.toml").write_text('format = 1\ntitle = "x"\nion = "K"\n', encoding="utf-8")
    path = tmp_path / "case.toml"
    path.write_text(case.source_text.replace('"llzo_al"', '"mine.toml"'), encoding="utf-8")
    problem = faults(path)[0]["materials.electrolyte"].problem
    assert "mine.toml" in problem and "ion: 'K' is not allowed" in problem and "formula: missing" in problem


def test_overrides_that_are_no_keys_are_refused():
    found, _ = faults("bicrystal", {"question.x": "1", "protocl.capacity": "1 um", "a..b": "1"})
    assert "not a table" in found["question.x"].problem
    assert "did you mean protocol?" in found["protocl"].right
    assert "section.key=value" in found["a..b"].right


def test_one_fault_reads_as_one_line():
    assert str(CaseError([Fault("a.b", "wrong", "right")], "x.toml")) == "x.toml: a.b: wrong; right"
    assert str(CaseError("no such thing")) == "no such thing"


KEYS = [
    "format", "question", "grid", "grid.size", "grid.spacing", "materials", "materials.set", "materials.metal",
    "materials.temperature", "materials.set.electrolyte.ionic_conductivity", "microstructure.pores",
    "microstructure.seed", "microstructure.angle", "grain_boundaries", "grain_boundaries.band_width",
    "protocol.steps", "protocol.steps[0].duration",
    "grain_boundaries.accommodation_pressure.log_width", "electrodes.reservoir_thickness", "transport.leakage",
    "reaction.transfer_coefficient", "protocol", "protocol.current_density", "protocol.duration", "output.fields",
    "nucleation.law", "nucleation.radius", "nucleation.sites", "nucleation.nuclei", "nucleation.nuclei[0].place",
    "grain_boundaries.electrons", "grain_boundaries.electrons.distribution", "grain_boundaries.coating",
    "grain_boundaries.coating.thickness", "transport.bias_slope", "transport.electronic_law",
    "output.every", "solver.threads", "solver.ionic_tolerance", "nonsense",
]  # fmt: skip
SCALARS = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["true", "[]", "{}", "[[]]", "1979-05-27", "1 um", "-1 s", "0 V", "1e300 S/m", "inf um", "nan K", "1 m^9"]
    ),
    st.text(alphabet="0123456789.eE+-*/^() umAVcPaKs°²", max_size=12),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4).map(lambda texts: str(texts)))


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=3))
@example({"solver.threads": "0x" + "f" * 10000})
@example({"solver.ionic_tolerance": "0x" + "f" * 10000})
@example({"solver.threads": "9" * 5000})
@example({"materials.metal": '"\\u0000.toml"'})
@example({"grid.size": "[" * 5000})
@example({"nonsense" + ".a" * 3000: "1"})
@example({"grid.size": "1 m", "grid.spacing": "1e-6 um"})
def test_malformed_values_only_ever_raise_a_case_error(overrides):
    try:
        case = load_case("bicrystal", overrides)
    except CaseError as error:
        assert error.faults and str(error)
    else:
        assert case.assumed and case.grid.to_grid().size > 0
