"""The JSON schema of a case documents every key and accepts what ships."""

from __future__ import annotations

import json
import tomllib

import pytest

from phasefield.case import case_schema, case_to_toml, list_cases, load_case

jsonschema = pytest.importorskip("jsonschema", reason="the test extra installs it")
NAMES = [entry.name for entry in list_cases()]


@pytest.fixture(scope="module")
def schema():
    return case_schema()


def objects(schema):
    return {"Case": schema, **schema["$defs"]}


def test_it_is_a_valid_json_schema(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_every_key_is_documented(schema):
    for name, table in objects(schema).items():
        for key, entry in table.get("properties", {}).items():
            assert entry.get("description"), f"{name}.{key}"


def test_required_keys_come_with_an_example(schema):
    for name, table in objects(schema).items():
        for key in table.get("required", []):
            entry = table["properties"][key]
            assert entry.get("examples") or "$ref" in entry, f"{name}.{key}"


def test_unknown_keys_are_forbidden(schema):
    assert all(table["additionalProperties"] is False for table in objects(schema).values())


def test_defaults_are_written_as_in_a_case_file(schema):
    assert schema["$defs"]["GrainBoundariesSection"]["properties"]["opening"]["default"] == "30 nm"
    assert "spacing" in schema["$defs"]["GridSection"]["properties"]


def test_bounds_of_numbers_are_those_of_the_case_file(schema):
    def bounds(table, key):
        return {k: v for k, v in schema["$defs"][table]["properties"][key].items() if "imum" in k.lower()}

    assert bounds("SecondPhaseSection", "fraction") == {"minimum": 0.0, "maximum": 0.5}
    assert bounds("SolverSection", "ionic_tolerance") == {"exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0}
    assert bounds("MetalSection", "mobility_ratio") == {"exclusiveMinimum": 0.0, "maximum": 10.0}
    assert bounds("MicrostructureSection", "seed") == {"minimum": 0, "maximum": 2**31 - 1}


def test_numbers_have_no_keyword_that_json_schema_does_not_know(schema):
    known = {"title", "description", "default", "examples", "type", "const"}
    known |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    for name, table in objects(schema).items():
        for key, entry in table.get("properties", {}).items():
            if entry.get("type") in ("number", "integer"):
                assert set(entry) <= known, f"{name}.{key}"


def test_a_number_out_of_range_does_not_pass(schema):
    tables = tomllib.loads(load_case("llzo_grain_boundary").source_text)
    tables["grain_boundaries"]["accommodation_pressure"]["log_width"] = 5.1
    with pytest.raises(jsonschema.ValidationError, match="maximum of 5"):
        jsonschema.validate(tables, schema)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_and_written_cases_pass(schema, name):
    case = load_case(name)
    jsonschema.validate(tomllib.loads(case.source_text), schema)
    jsonschema.validate(tomllib.loads(case_to_toml(case)), schema)


def test_a_bare_number_does_not_pass(schema):
    tables = tomllib.loads(load_case("bicrystal").source_text)
    tables["grid"]["spacing"] = 0.4
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tables, schema)
