"""Params and the checker of their schemas."""

from __future__ import annotations

import pytest

from airflow_lite import DAG, EmptyOperator, Param
from airflow_lite.authoring.arguments.param import ParamsDict, task_params
from airflow_lite.errors import ParamValidationError
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec import json_schema
from airflow_lite.spec.json_schema import validator
from airflow_lite.spec.params import resolve_params


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 1.0, -3], ["1", 1.5, True, None]),
        ({"type": "number"}, [1, 1.5], ["1", False]),
        ({"type": "string"}, [""], [1, None]),
        ({"type": "boolean"}, [True], [0, "true"]),
        ({"type": ["null", "array"]}, [None, [], (1,)], [{}, "x"]),
        ({"type": "object"}, [{}], [[]]),
        ({"enum": ["a", 1, None]}, ["a", 1, None], ["b", True]),
        ({"const": 1}, [1, 1.0], [True, 2]),
        ({"minimum": 2, "maximum": 4}, [2, 4, "not a number"], [1, 5]),
        ({"exclusiveMinimum": 2, "exclusiveMaximum": 4}, [3], [2, 4]),
        ({"multipleOf": 0.5}, [1, 1.5], [1.2]),
        ({"minLength": 2, "maxLength": 3}, ["ab", "abc", 1], ["a", "abcd"]),
        ({"minItems": 1, "maxItems": 2}, [[1], "long text"], [[], [1, 2, 3]]),
        ({"uniqueItems": True}, [[1, 2]], [[1, 1], [{"a": 1}, {"a": 1}]]),
        ({"pattern": "^a.c$"}, ["abc", 5], ["xabc"]),
        ({"format": "date"}, ["2024-02-29", 5], ["2023-02-29", "x"]),
        (
            {"format": "date-time"},
            [
                "2024-02-29T12:00:00Z",
                "2024-02-29t12:00:00.5+01:00",
                "2024-02-29 12:00",
                "20240229T1200",
            ],
            [
                "2024-02-29",
                "12:00:00",
                "2023-02-29T12:00:00Z",
                "2024-02-29T24:00:60Z",
                "now",
                "T",
                " ",
            ],
        ),
        (
            {"items": {"format": "date-time"}},
            [["2024-02-29T12:00:00Z"]],
            [["2024-02-29T12:00:00"], ["2024-02-29T12:00Z"]],
        ),
        ({"format": "time"}, ["12:00:00"], ["25:00:00", "12:00", "12:00:00Z"]),
        ({"format": "email"}, ["a@example.com"], ["a"]),
        ({"format": "uri"}, ["https://example.com", "unchecked"], []),
        ({"format": "ipv4"}, ["1.2.3.4"], ["1.2.3"]),
        ({"format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123"]),
        ({"format": "regex"}, ["a+"], ["("]),
        ({"format": "multiline"}, ["whatever"], []),
        ({"items": {"type": "integer"}}, [[1, 2]], [[1, "x"]]),
        (
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            [{"a": 1, "b": 2}],
            [{}, {"a": "x"}],
        ),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"additionalProperties": {"type": "string"}}, [{"b": "x"}], [{"b": 1}]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, ["x", 3], [2]),
        ({"oneOf": [{"type": "integer"}, {"minimum": 3}]}, [2, 3.5], [3, 1.5]),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [3], [2, "x"]),
        ({"not": {"type": "string"}}, [1], ["x"]),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, ["x"], [1]),
        ({"if": {"minimum": 3}, "then": {"multipleOf": 2}, "else": {"const": 1}}, [4, 1], [5, 2]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [["x"], ("x",)], [[1], ["x", 1]]),
        ({"contains": {"const": 1}}, [[0, 1]], [[0]]),
        ({"patternProperties": {"^a": {"type": "string"}}}, [{"a1": "x", "b": 1}], [{"a1": 1}]),
        ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
        ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 1}]),
        ({"dependentRequired": {"a": ["b"]}}, [{"a": 1, "b": 1}, {}], [{"a": 1}]),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]},
            [["x", 1]],
            [[1]],
        ),
        ({"enum": ("a", "b")}, ["a"], ["c"]),
        ({"title": "shown", "section": "x", "values_display": {}}, [Ellipsis], []),
    ],
    ids=str,
)
def test_each_keyword_of_a_schema_is_checked(schema, good, bad):
    for value in good:
        Param(value, schema=schema).resolve(name="p")
    for value in bad:
        with pytest.raises(ParamValidationError, match="Invalid input for param 'p': "):
            Param(value, schema=schema).resolve(name="p")


def test_a_fault_deep_inside_says_where():
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}

    with pytest.raises(
        ParamValidationError, match=r"param 'p': a: \[1\]: 'x' is not of type 'integer'$"
    ):
        Param({"a": [1, "x"]}, schema=schema).resolve(name="p")


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, "seven", "'seven' is not of type 'integer'"),
        ({"minimum": 3}, 1, "1 is less than the minimum of 3"),
        ({"maxLength": 3}, "xxxx", "'xxxx' is too long (maxLength 3)"),
        ({"required": ["a"]}, {}, "'a' is a required property"),
        ({"format": "date"}, "x", "'x' is not a 'date'"),
        ({"type": "integer"}, "x" * 999, f"'{'x' * 76}... is not of type 'integer'"),
        ({"additionalProperties": {"type": "null"}}, {"a\nb": 1}, "a b: 1 is not of type 'null'"),
        (
            {"type": "integr"},
            1,
            "its schema is not valid: type: 'integr' is not valid under any of the given schemas",
        ),
        ({"pattern": 1}, "x", "its schema is not valid: pattern: 1 is not of type 'string'"),
        (
            {"enum": {1}},
            1,
            "it cannot be checked: TypeError: Object of type set is not JSON serializable",
        ),
    ],
    ids=str,
)
def test_a_fault_is_told_in_one_line(schema, value, message):
    with pytest.raises(ParamValidationError) as caught:
        Param(value, schema=schema).resolve(name="p")

    assert str(caught.value) == f"Invalid input for param 'p': {message}"


def nested(depth):
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"$ref": "#"}, 1, "the value or its schema is nested too deeply"),
        ({"type": "string"}, nested(100_000), "the value or its schema is nested too deeply"),
        ({"const": nested(100_000)}, [], "the value or its schema is nested too deeply"),
        ({"items": {"$ref": "#"}}, nested(100_000), "the value or its schema is nested too deeply"),
        ({"pattern": "("}, "x", "its schema is not valid: pattern: '(' is not a 'regex'"),
        ({"multipleOf": 0.1}, float("inf"), "it cannot be checked: OverflowError"),
        ({"patternProperties": {"a": {}}}, {1: 1}, "it cannot be checked: TypeError"),
    ],
    ids=["endless", "deep value", "deep schema", "both", "pattern", "infinity", "names"],
)
def test_what_cannot_be_checked_is_refused_in_one_line(schema, value, message):
    with pytest.raises(ParamValidationError) as caught:
        Param(value, schema=schema).resolve(name="p")

    assert str(caught.value).startswith(f"Invalid input for param 'p': {message}")
    assert "\n" not in str(caught.value)


def test_compiled_code_that_panics_at_the_limit_of_recursion_is_a_fault_of_the_value(monkeypatch):
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def fail(_schema):
        raise panic("__eq__ failed!")

    monkeypatch.setattr(json_schema, "validator", fail)

    assert json_schema.fault(1, {}) == "the value or its schema is nested too deeply"


def test_an_interrupt_while_a_value_is_checked_goes_through(monkeypatch):
    def interrupt(_schema):
        raise KeyboardInterrupt

    monkeypatch.setattr(json_schema, "validator", interrupt)

    with pytest.raises(KeyboardInterrupt):
        json_schema.fault(1, {})


def test_a_schema_is_never_read_from_the_network(monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **_: asked.append(args))

    with pytest.raises(ParamValidationError, match="it cannot be checked: .*Unresolvable"):
        Param(1, schema={"$ref": "http://example.com/schema.json"}).resolve(name="p")
    assert asked == []


def test_what_was_prepared_is_there_when_values_are_checked():
    params = ParamsDict({"a": Param(1, type="integer", title="prepared"), "b": 2})
    params.prepare()
    before = validator.cache_info()

    assert params.validate() == {"a": 1, "b": 2}
    assert validator.cache_info().misses == before.misses


def params_of_golden():
    return ParamsDict(
        {
            "plain": 1,
            "typed": Param(5, type="integer", minimum=3),
            "text": Param("x", type="string", maxLength=3),
            "none": None,
        }
    )


@pytest.mark.parametrize(
    ("name", "conf"),
    [
        ("no conf", {}),
        ("conf overrides", {"plain": "text", "typed": 7}),
        ("conf adds an undeclared key", {"other": [1]}),
        ("conf nested", {"none": {"a": 1}}),
    ],
)
def test_the_params_of_a_run_are_airflows(golden, name, conf):
    with DAG("d", schedule=None, params=params_of_golden()):
        task = EmptyOperator(task_id="t", params={"plain": 2, "of_task": True})

    assert task_params(task, conf) == golden("semantics")["params"][name]["params"]


@pytest.mark.parametrize(
    ("name", "conf"),
    [
        ("wrong type", {"typed": "seven"}),
        ("below minimum", {"typed": 1}),
        ("too long", {"text": "xxxx"}),
    ],
)
def test_a_conf_that_airflow_refuses_is_refused(golden, name, conf):
    spec = dag_spec(DAG("d", schedule=None, params=params_of_golden()))
    assert "ParamValidationError" in golden("semantics")["params"][name]["error"]

    with pytest.raises(ParamValidationError, match=f"Invalid input for param '{next(iter(conf))}'"):
        resolve_params(spec.params, conf)


def test_the_params_of_a_run_follow_from_the_spec_alone():
    spec = dag_spec(DAG("d", schedule=None, params=params_of_golden()))

    assert resolve_params(spec.params, {"typed": 4, "new": 1}) == {
        "plain": 1,
        "typed": 4,
        "text": "x",
        "none": None,
        "new": 1,
    }


def test_a_param_without_a_value_must_be_given_one():
    spec = dag_spec(DAG("d", schedule=None, params={"x": Param(type="integer")}))

    assert resolve_params(spec.params, {"x": 1}) == {"x": 1}
    with pytest.raises(ParamValidationError, match="Param 'x' has no value and no default"):
        resolve_params(spec.params, None)


def test_a_param_keeps_its_schema_when_its_value_is_set():
    params = params_of_golden()
    params["typed"] = 1
    params["typed"] = 9

    assert params["typed"] == 9
    params["typed"] = 1
    with pytest.raises(ParamValidationError):
        params["typed"]


def test_params_of_one_dag_do_not_change_with_anothers():
    shared = {"size": Param(1, type="integer")}
    one, two = DAG("one", schedule=None, params=shared), DAG("two", schedule=None, params=shared)
    one.params["size"] = 5

    assert (one.params["size"], two.params["size"], shared["size"].value) == (5, 1, 1)


def test_a_param_that_json_cannot_hold_is_refused():
    from airflow_lite import AirflowDagException

    with pytest.raises(AirflowDagException, match="DAG d: param 'x' cannot be written as JSON"):
        dag_spec(DAG("d", schedule=None, params={"x": object()}))
