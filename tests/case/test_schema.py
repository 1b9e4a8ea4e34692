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
