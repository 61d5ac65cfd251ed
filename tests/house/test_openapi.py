"""The OpenAPI document is whole: a new route is in it with its errors, examples and scope, or a test here fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from conforming import document
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway import everywhere, openapi
from services.gateway.errors import STATUS

JSON = dict[str, Any]
DESCRIBED: JSON = document().described
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DESCRIBED["paths"].items()
    for method, operation in methods.items()
}
# The provider's events come in the provider's words, under its ids, and without a token.
THEIRS = "POST /v1/payments/webhooks/stripe"
OURS = {name: operation for name, operation in OPERATIONS.items() if " /v1/" in name and name != THEIRS}


def _answers(operation: JSON) -> Iterator[tuple[str, JSON]]:
    for status, response in operation["responses"].items():
        yield status, document().resolved(response)


def _examples(content: JSON) -> dict[str, Any]:
    """The examples of a body, by name."""
    named = {name: each["value"] for name, each in content.get("examples", {}).items()}
    return named | ({"example": content["example"]} if "example" in content else {})


def test_the_document_is_openapi_3_1() -> None:
    assert DESCRIBED["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(DESCRIBED).iter_errors()] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_says_what_it_means(name: str) -> None:
    parameters = OPERATIONS[name].get("parameters", [])
    assert [each["name"] for each in parameters if not each.get("description")] == []


def test_no_write_has_an_idempotency_key_that_docs_would_fill_in() -> None:
    """Two writes with one key are one: whoever tries a second form in /docs would be refused, or get the first answer again."""
    for operation in OURS.values():
        for each in operation.get("parameters", []):
            if each["name"] == "Idempotency-Key":
                assert not {"example", "examples"} & each.keys()
                assert not {"example", "examples", "default"} & each["schema"].keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_it_does(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["description"]
    assert [tag for tag in operation["tags"] if everywhere.TAGS.get(tag)] == operation["tags"] != []


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_has_an_example_that_fits(name: str) -> None:
    for status, response in _answers(OPERATIONS[name]):
        assert response["description"], status
        for content in response.get("content", {}).values():
            assert _examples(content), status
            for example in _examples(content).values():
                document().fits(f"{name} {status}", content["schema"], example)
        assert "content" in response or status in ("204", "304")


@pytest.mark.parametrize("name", [*OURS, THEIRS])
def test_every_error_is_named_by_its_code(name: str) -> None:
    for status, response in _answers(OPERATIONS[name]):
        if status >= "400":
            for code, example in _examples(response["content"]["application/json"]).items():
                assert (example["code"], example["status"]) == (code, int(status))
                assert code in STATUS


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_has_an_example_that_fits(name: str) -> None:
    for content in OPERATIONS[name].get("requestBody", {}).get("content", {}).values():
        examples = _examples(content) or _examples(_resolved_schema(content["schema"]))
        assert examples
        for example in examples.values():
            document().fits(f"the body of {name}", content["schema"], example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_tells_its_correlation_id(name: str) -> None:
    assert [s for s, response in _answers(OPERATIONS[name]) if "X-Correlation-Id" not in response["headers"]] == []


def test_every_header_has_an_example_that_fits() -> None:
    for name, header in DESCRIBED["components"]["headers"].items():
        document().fits(name, header["schema"], header["example"])


@pytest.mark.parametrize("name", OURS)
def test_what_changes_something_takes_a_key_and_may_be_late(name: str) -> None:
    operation = OURS[name]
    named = [parameter["name"] for parameter in operation.get("parameters", [])]
    changes = not name.startswith("GET")
    assert ("Idempotency-Key" in named, "202" in operation["responses"]) == (changes, changes)
    interim = [response for status, response in _answers(operation) if status in ("202", "429", "503")]
    assert all("Retry-After" in response["headers"] for response in interim)


@pytest.mark.parametrize("name", OURS)
def test_an_operation_that_needs_a_scope_says_so_and_how_it_refuses(name: str) -> None:
    known = DESCRIBED["components"]["securitySchemes"][openapi.SCHEME]["flows"]["clientCredentials"]["scopes"]
    for requirement in OURS[name].get("security", []):
        ((scheme, scopes),) = requirement.items()
        assert (scheme, len(scopes)) == (openapi.SCHEME, 1)
        assert known.keys() >= set(scopes)
        answers = dict(_answers(OURS[name]))
        assert "WWW-Authenticate" in answers["401"]["headers"]
        assert "WWW-Authenticate" in answers["403"]["headers"]
        assert "Retry-After" in answers["429"]["headers"]


@pytest.mark.parametrize("name", [name for name in OURS if "requestBody" in OURS[name]])
def test_a_body_is_closed_at_every_depth_and_nothing_in_it_may_be_null(name: str) -> None:
    content = OURS[name]["requestBody"]["content"]["application/json"]
    for schema in _all(content["schema"], set()):
        if "properties" in schema:
            assert schema["additionalProperties"] is False, schema
        assert schema.get("type") != "null"


@pytest.mark.parametrize("name", [*OURS, THEIRS])
def test_an_answer_may_grow(name: str) -> None:
    """A client that checks answers must not break when a field is added."""
    for status, response in _answers(OPERATIONS[name]):
        for content in response.get("content", {}).values():
            assert all(schema.get("additionalProperties") is not False for schema in _all(content["schema"], set())), (
                status
            )


def _resolved_schema(schema: JSON) -> JSON:
    return document().resolved(schema)


def _all(schema: Any, seen: set[str]) -> Iterator[JSON]:
    """The schema and those in it."""
    if isinstance(schema, list):
        for each in schema:
            yield from _all(each, seen)
    elif isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            yield from _all(_resolved_schema(schema), seen)
        yield schema
        for key, each in schema.items():
            if key not in ("example", "examples"):
                yield from _all(each, seen)
