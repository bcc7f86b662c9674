"""docs/http.md: each example gives the answer that stands below it, but for what differs from run to run."""

import re
import shlex
from json import loads
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.integration.gateway import Client
from tests.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "http.md"
ADDRESS = "http://127.0.0.1:8000"


class Example(NamedTuple):
    """Commands, and the answer to the last of them."""

    commands: list[str]
    answer: str


EXAMPLES = [
    Example(commands.strip().split("\n"), answer)
    for commands, answer in re.findall(r"```sh\n(.*?)```\s+```http\n(.*?)```", PAGE.read_text(), re.DOTALL)
]


def run(gateway: Client, command: str) -> requests.Response:
    """A curl command, as far as the page needs one."""
    arguments = shlex.split(re.sub(r"\$('(?:[^'])*')", lambda quoted: quoted[1].replace(r"\n", "\n"), command))
    assert arguments[:2] == ["curl", "-i"], command
    path, headers, body = "", {}, None
    options = iter(arguments[2:])
    for option in options:
        match option:
            case "-H":
                name, _, value = next(options).partition(": ")
                headers[name] = value
            case "-d" | "--data-binary":
                body = next(options).encode()
            case address:
                assert address.startswith(ADDRESS), command
                path = address.removeprefix(ADDRESS)
    return gateway.request("GET" if body is None else "POST", path, data=body, headers=headers)


def shape(document: Any) -> Any:
    """What of a document is the same in every run: its names, its kinds, its words, but no ids, times and places."""
    match document:
        case dict():
            return {name: value if name == "status" else shape(value) for name, value in document.items()}
        case list():
            return [shape(item) for item in document]
        case str() if " " not in document and re.search(r"\d", document):
            return "an id or a time"
        case int():
            return "a number"
    return document


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 8
    assert len(EXAMPLES) == PAGE.read_text().count("```sh") == PAGE.read_text().count("```http")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.commands[-1][8:60])
def test_an_example_gives_the_answer_below_it(gateway: Client, example: Example) -> None:
    head, _, body = example.answer.partition("\n\n")
    first, *lines = head.split("\n")
    wanted = shape(loads(body))
    for command in example.commands[:-1]:
        assert run(gateway, command).ok
    until(lambda: shape(run(gateway, example.commands[-1]).json()).keys() == wanted.keys(), within=20)
    answer = run(gateway, example.commands[-1])
    assert f"HTTP/1.1 {answer.status_code} {answer.reason}" == first
    assert shape(answer.json()) == wanted
    for line in lines:
        name, _, value = line.partition(": ")
        assert name in answer.headers
        assert name == "x-request-id" or answer.headers[name] == value
