"""Inputs on which the product failed (`../shared/cases`), served: what the requests beside them are answered."""

import gzip
import http.client
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from idla.report.exit_status import ExitCode
from idla_contract.artifact import digest_of

from tests.server.serving import Answer, Artifact, ask, serving
from tests.shared_cases import CASES
from tools.waiting import PATIENCE

pytestmark = [
    pytest.mark.trainer,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"the inputs are in {CASES}, which is not here"),
]

INFER = "/v2/models/tiny/infer"
PATIENTS = "27-missing-number-in-a-request"
SMALL = {"training": {"maxEpochs": 30}, "model": {"maxCandidates": 1}, "compression": {"mode": "Off"}}
"""Of a spec: one small network, as little time as it takes."""

Ports = Callable[[str], int]


@pytest.fixture(scope="module")
def port_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Return the port of a case's model, trained and served when it is first asked for."""
    ports: dict[str, int] = {}
    with ExitStack() as servers:

        def found(case: str) -> int:
            if case not in ports:
                folder = tmp_path_factory.mktemp("case")
                ports[case] = servers.enter_context(serving(trained(case, folder), folder)).wait_ready()
            return ports[case]

        yield found


def trained(case: str, folder: Path) -> Artifact:
    """Return the artifact of a case's workflow."""
    path = CASES / f"{case}.yaml"
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    workflow["spec"] |= SMALL
    workflow["spec"]["data"]["storageUri"] = str(path.parent / workflow["spec"]["data"]["storageUri"])
    (folder / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", "-f", str(folder / "workflow.yaml")]
    ended = subprocess.run([*command, "-o", str(folder / "out")], capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.DONE, ended.stderr
    model = folder / "out/model"
    digest = digest_of((model / "manifest.json").read_bytes())
    return Artifact(model, digest, np.zeros(0, np.float32), np.zeros(0, np.float32))


def outputs(answer: Answer) -> dict[str, list[Any]]:
    """Return what an answer holds, by output."""
    assert answer.status == 200, answer.content
    return {output["name"]: output["data"] for output in answer.json["outputs"]}


def content(case: str, name: str) -> bytes:
    return (CASES / case / f"{name}.json").read_bytes()


ANSWERED: dict[str, dict[str, list[str]]] = {
    # workflow: the labels that each request beside it is answered
    "10-zip-codes-with-leading-zeros/workflow": {"request-as-in-the-file": ["coast"], "request-01060": ["inland"]},
    "22-texts-that-read-like-missing/workflow": {"request": ["region", "programming", "unclear"]},
    "29-odd-column-names/workflow": {"request": ["up"]},
    f"{PATIENTS}/workflow": {
        "request-whole": ["yes", "no"],
        "request-null": ["yes", "no"],
        "request-left-out": ["yes", "no"],
    },
}


@pytest.mark.parametrize("case", ANSWERED)
def test_the_requests_of_a_case_are_answered_as_training_learned(case: str, port_of: Ports) -> None:
    port, folder = port_of(case), case.partition("/")[0]
    found = {name: outputs(ask(port, "POST", INFER, content(folder, name)))["label"] for name in ANSWERED[case]}
    assert found == ANSWERED[case]


def test_a_code_without_its_zero_is_another_one(port_of: Ports) -> None:
    case = "10-zip-codes-with-leading-zeros"
    port, names = port_of(f"{case}/workflow"), ("request-as-in-the-file", "request-without-zero")
    known, unknown = (outputs(ask(port, "POST", INFER, content(case, name)))["probabilities"] for name in names)
    assert max(unknown) < 0.8 < max(known)


def test_texts_of_any_writing_are_answered_in_the_names_of_the_classes(port_of: Ports) -> None:
    case = "26-emoji-and-right-to-left"
    answer = ask(port_of(f"{case}/workflow"), "POST", INFER, content(case, "request"))
    good, bad = "מצוין 👍", "רע 👎"
    assert (answer.json["id"], outputs(answer)["label"][:4]) == ("ü-1", [good, bad, bad, good])


def test_names_of_columns_stand_in_the_metadata_as_written(port_of: Ports) -> None:
    case = "29-odd-column-names"
    told = ask(port_of(f"{case}/workflow"), "GET", "/v2/models/tiny").json["inputs"]
    sent = json.loads(content(case, "request"))["inputs"]
    assert [tensor["name"] for tensor in told] == [tensor["name"] for tensor in sent]


def test_a_window_with_a_gap_is_forecast(port_of: Ports) -> None:
    port = port_of(f"{PATIENTS}/workflow-series")
    names = ("request-series-whole", "request-series-gap")
    whole, gap = (outputs(ask(port, "POST", INFER, content(PATIENTS, name)))["forecast"] for name in names)
    np.testing.assert_allclose(gap, whole, rtol=0.1)


def test_a_number_that_json_cannot_say_is_refused_with_the_way_to_say_it(port_of: Ports) -> None:
    port = port_of(f"{PATIENTS}/workflow")
    answer = ask(port, "POST", INFER, content(PATIENTS, "request-nan"))
    assert (answer.status, "a missing number is null" in answer.json["error"]) == (400, True)
    told = {tensor["name"]: tensor.get("parameters") for tensor in ask(port, "GET", "/v2/models/tiny").json["inputs"]}
    assert told == {"age": None, "pressure": {"may_be_missing": True}, "smoker": {"may_be_missing": True}}


# What `28-tritonclient-as-it-comes` asks of the model of case 27.
WHOLE: dict[str, list[Any]] = {"age": [71, 30], "pressure": [140, 120], "smoker": ["yes", ""]}


def packed(values: list[Any], datatype: str) -> bytes:
    """Return a tensor as tritonclient sends it."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(text)) + text.encode() for text in values)
    return np.array(values, {"FP32": "<f4", "FP16": "<f2", "INT64": "<i8"}[datatype]).tobytes()


def by_client(*, age: str = "FP32", binary: bool = True, named: bool = False, **more: Any) -> tuple[bytes, int]:
    """Return body and length of its JSON, as tritonclient writes them with `set_data_from_numpy`.

    Args:
        age: datatype of the first input.
        binary: `binary_data`, which is True by default.
        named: whether outputs are named, with `binary_data=False`.
        more: of the JSON.
    """
    datatypes = {"age": age, "pressure": "FP32", "smoker": "BYTES"}
    parts = [packed(WHOLE[name], datatype) for name, datatype in datatypes.items()] if binary else []
    inputs = [
        {"name": name, "shape": [2], "datatype": datatype}
        | ({"parameters": {"binary_data_size": len(parts[place])}} if binary else {"data": WHOLE[name]})
        for place, (name, datatype) in enumerate(datatypes.items())
    ]
    parameters = more.pop("parameters", {}) | ({} if named else {"binary_data_output": True})
    asked = [{"name": name, "parameters": {"binary_data": False}} for name in ("probabilities", "label")]
    document = {"inputs": inputs, "parameters": parameters} | ({"outputs": asked} if named else {}) | more
    text = json.dumps(document).encode()
    return b"".join([text, *parts]), len(text)


CLIENTS: dict[str, tuple[dict[str, Any], dict[str, str], bool]] = {
    # name: how the client is called, headers, whether it is answered in bytes
    "as it comes": ({}, {}, True),
    "inputs as JSON": ({"binary": False}, {}, True),
    "outputs as JSON": ({"named": True}, {}, False),
    "both": ({"binary": False, "named": True}, {}, False),
    "compressed": ({"named": True}, {"Content-Encoding": "gzip"}, False),
    "an answer that may be compressed": ({"named": True}, {"Accept-Encoding": "gzip"}, False),
    "an identifier": ({"named": True, "id": "7"}, {}, False),
    "a priority and a timeout": ({"named": True, "parameters": {"priority": 1, "timeout": 5_000_000}}, {}, False),
    "whole numbers": ({"named": True, "age": "INT64"}, {}, False),
    "halves": ({"named": True, "age": "FP16"}, {}, False),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_reference_client_is_answered(name: str, port_of: Ports) -> None:
    options, headers, in_bytes = CLIENTS[name]
    body, length = by_client(**options)
    sent = gzip.compress(body) if headers.get("Content-Encoding") else body
    split = {"Inference-Header-Content-Length": str(length)} if options.get("binary", True) else {}
    answer = ask(port_of(f"{PATIENTS}/workflow"), "POST", INFER, sent, headers | split)
    assert answer.status == 200, answer.content
    assert ("inference-header-content-length" in answer.headers) == in_bytes
    if in_bytes:
        assert answer.content.endswith(packed(["yes", "no"], "BYTES"))
    else:
        assert outputs(answer)["label"] == ["yes", "no"]


REFUSED: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "another version": ({"named": True}, "/v2/models/tiny/versions/1/infer", 404, "version: found '1'"),
    "the classification extension": (
        {"outputs": [{"name": "label", "parameters": {"classification": 1}}]}, INFER, 400, "no classification",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_reference_client_cannot_have_is_said(name: str, port_of: Ports) -> None:
    options, path, status, part = REFUSED[name]
    body, length = by_client(**options)
    headers = {"Inference-Header-Content-Length": str(length)}
    answer = ask(port_of(f"{PATIENTS}/workflow"), "POST", path, body, headers)
    assert (answer.status, part in answer.json["error"]) == (status, True), answer.content


def written(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(content(PATIENTS, "request-whole"))
    change(document)
    return json.dumps(document).encode()


def age(**changes: Any) -> bytes:
    return written(lambda document: document["inputs"][0].update(changes))


# What `30-habits-of-http-clients` asks of it.
RAW = content(PATIENTS, "request-whole") if CASES.is_dir() else b""
HABITS: dict[str, tuple[str, str, bytes | None, dict[str, str], int, str]] = {
    # name: method, path, body, headers, status, a part of the answer
    "curl's own type": ("POST", INFER, RAW, {"Content-Type": "application/x-www-form-urlencoded"}, 200, "outputs"),
    "plain text": ("POST", INFER, RAW, {"Content-Type": "text/plain"}, 200, "outputs"),
    "a charset": ("POST", INFER, RAW, {"Content-Type": "application/json; charset=utf-8"}, 200, "outputs"),
    "an encoding of no name": ("POST", INFER, RAW, {"Content-Encoding": ""}, 200, "outputs"),
    "a slash behind": ("POST", f"{INFER}/", RAW, {}, 404, "without a slash behind"),
    "a slash behind the model": ("GET", "/v2/models/tiny/", None, {}, 404, "without a slash behind"),
    "two slashes": ("POST", f"/{INFER}", RAW, {}, 404, "allowed: /v2"),
    "HEAD": ("HEAD", "/v2/health/ready", None, {}, 200, ""),
    "OPTIONS": ("OPTIONS", INFER, None, {}, 405, "allowed: POST"),
    "the root": ("GET", "/", None, {}, 404, "allowed: /v2"),
    "a probe": ("GET", "/healthz", None, {}, 404, "/v2/health/ready"),
    "models": ("GET", "/v2/models", None, {}, 404, "/v2/models/NAME"),
    "another protocol": ("POST", "/v1/models/tiny:predict", RAW, {}, 404, "/v2/models/NAME"),
    "a version": ("POST", "/v2/models/tiny/versions/1/infer", RAW, {}, 404, "version: found '1'"),
    "the repository": ("POST", "/v2/repository/index", b"", {}, 404, "allowed: /v2"),
    "a long header": ("POST", INFER, RAW, {"X-Long": "x" * 60_000}, 200, "outputs"),
    "a byte order mark": ("POST", INFER, b"\xef\xbb\xbf" + RAW, {}, 200, "outputs"),
    "UTF-16": ("POST", INFER, RAW.decode().encode("utf-16"), {}, 400, "a JSON object in UTF-8"),
    "two objects": ("POST", INFER, RAW + RAW, {}, 400, "no JSON"),
    "instances": ("POST", INFER, b'{"instances": [{"age": 71}]}', {}, 400, "the key 'instances'"),
    "a trailing comma": ("POST", INFER, RAW.replace(b"]}]}", b"]},]}"), {}, 400, "trailing comma"),
    "a number as id": ("POST", INFER, written(lambda document: document.update(id=7)), {}, 400, "id: found 7"),
    "a column": ("POST", INFER, age(shape=[2, 1]), {}, 200, "outputs"),
    "numbers as texts": ("POST", INFER, age(data=["71", "30"]), {}, 400, "'71' as value 0, counted from 0"),
    "a truth value": ("POST", INFER, age(data=[True, 30]), {}, 400, "write 1 for true"),
    "beyond a double": ("POST", INFER, RAW.replace(b"71", b"1e999"), {}, 400, "no JSON (number is infinity"),
    "400 digits": ("POST", INFER, RAW.replace(b"71", b"7" * 400), {}, 400, "no JSON (number is infinity"),
    "minus zero": ("POST", INFER, RAW.replace(b"71", b"-0.0"), {}, 200, "outputs"),
    "another order": ("POST", INFER, written(lambda document: document["inputs"].reverse()), {}, 200, "outputs"),
    "twice": (
        "POST", INFER, written(lambda document: document["inputs"].append(document["inputs"][0])), {}, 400,
        "inputs[3].name: found 'age'; allowed: `age`, `pressure`, `smoker`, each once",
    ),
    "a datatype in small letters": ("POST", INFER, age(datatype="fp32"), {}, 400, "found 'fp32'; allowed: FP32"),
}  # fmt: skip


@pytest.mark.parametrize("name", HABITS if CASES.is_dir() else {})
def test_habits_of_clients_are_answered_or_refused_in_a_sentence(name: str, port_of: Ports) -> None:
    method, path, body, headers, status, part = HABITS[name]
    answer = ask(port_of(f"{PATIENTS}/workflow"), method, path, body, headers)
    assert (answer.status, part in answer.content.decode()) == (status, True), answer.content


# What `45-upgrade-header-of-java-clients` asks of it, with the other heads of case 30.
HEADS = {
    # name: the version of HTTP, and lines of the head
    "HTTP/1.0": ("1.0", ""),
    "100 Continue": ("1.1", "Expect: 100-continue\r\n"),
    "Java": ("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAM\r\n"),
    "websocket": ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    "the last one": ("1.1", "Connection: close\r\n"),
}


@pytest.mark.parametrize(
    ("name", "chunked"),
    [
        (name, chunked)
        for name, (version, _) in HEADS.items()
        for chunked in (False, True)
        if version == "1.1" or not chunked
    ],
)
def test_a_head_of_any_kind_is_answered_with_the_body_that_came(name: str, port_of: Ports, *, chunked: bool) -> None:
    version, lines = HEADS[name]
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(RAW)}"
    head = f"POST {INFER} HTTP/{version}\r\nHost: x\r\n{lines}{framing}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port_of(f"{PATIENTS}/workflow")), PATIENCE) as connection:
        connection.sendall(head)
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(RAW), RAW) if chunked else RAW)
        response = http.client.HTTPResponse(connection)
        response.begin()
        found = response.read()
    assert (response.status, b'"data":["yes","no"]' in found) == (200, True), found
