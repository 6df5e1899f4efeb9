"""A task as its pod runs it, on data of real servers: what the Secret and the operator's settings give it."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from idla.builders.egress import Egress
from idla_contract.exit_codes import ExitCode
from idla_contract.problem import Problem, TaskType
from idla_contract.result import FailureReason, TaskResult
from idla_contract.task import Access, DataSource, ProfileStep, TaskSpec

from tests.integration.store.conftest import KEYS, Server, Site
from tools.object_store import REGION
from tools.tunnel_proxy import Proxy

CANARY = "canary-of-a-secret-key"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a task left."""

    code: int
    result: TaskResult
    said: str


def table() -> str:
    draw = random.Random(1)
    rows = "".join(f"{draw.random():.4f},{draw.random():.4f},{row % 2}\n" for row in range(200))
    return f"a,b,label\n{rows}"


def ran_on_object(tmp_path: Path, server: Server, secret: dict[str, str], environment: dict[str, str]) -> Ran:
    (server.folder / "bucket" / "data.csv").write_text(table())
    data = DataSource(uri="s3://bucket/data.csv", access=Access(region=REGION, endpoint=server.endpoint))
    return ran(tmp_path, data, secret, environment)


def ran(tmp_path: Path, data: DataSource, secret: dict[str, str], environment: dict[str, str]) -> Ran:
    spec = TaskSpec(
        workflow="w",
        task="profile",
        content_hash="0123456789abcdef",
        problem=Problem(type=TaskType.TABULAR_CLASSIFICATION, metric="accuracy"),
        data=data,
        artifact_uri="pvc://claim",
        steps=(ProfileStep(),),
    )
    folders = {name: tmp_path / name for name in ("store", "data", "samples", "work", "data-secret")}
    for folder in folders.values():
        folder.mkdir()
    for name, text in secret.items():
        (folders["data-secret"] / name).write_text(text)
    (tmp_path / "task.json").write_text(spec.to_json())
    places = {"spec": tmp_path / "task.json", "termination-log": tmp_path / "answer.json", "metrics-port": 0} | folders
    done = subprocess.run(
        [sys.executable, "-I", "-m", "idla_trainer", *(f"--{name}={value}" for name, value in places.items())],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]} | environment,
    )
    answer = (tmp_path / "answer.json").read_text()
    kept = "".join(path.read_text(errors="replace") for path in folders["store"].rglob("*") if path.is_file())
    return Ran(
        done.returncode, TaskResult.model_validate(json.loads(answer)), done.stdout + done.stderr + answer + kept
    )


def secret(server: Server) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key + "\n",
        "ca.crt": server.authority.read_text(),
    }


def test_a_task_reads_an_object_with_the_keys_of_its_secret(tmp_path: Path, server: Server, proxy: Proxy) -> None:
    allowed = {"IDLA_ALLOWED_HOSTS": f"localhost:{server.port}", "HTTPS_PROXY": proxy.address}
    found = ran_on_object(tmp_path, server, secret(server), allowed)
    assert (found.code, found.result.failure) == (ExitCode.SUCCEEDED, None), found.said
    assert found.result.profile is not None
    assert proxy.asked == [f"localhost:{server.port}"]
    assert KEYS.secret_access_key not in found.said


def test_a_task_reads_a_file_inside_by_what_the_operator_gives_its_pod(
    tmp_path: Path, site: Site, proxy: Proxy
) -> None:
    site.files["/data.csv"] = table().encode()
    egress = Egress(proxy=proxy.address, allowed_hosts=f"localhost:{site.port}", ca_config_map="corp-ca")
    container: dict[str, Any] = {"volumeMounts": []}
    egress.apply(container, [])
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    assert given.pop("IDLA_CA_FILE") == "/etc/idla-ca/ca.crt"
    found = ran(tmp_path, DataSource(uri=site.uri("/data.csv")), {}, given | {"IDLA_CA_FILE": str(site.authority)})
    assert (found.code, found.result.failure) == (ExitCode.SUCCEEDED, None), found.said
    assert proxy.asked == [f"localhost:{site.port}"]


REFUSED: dict[str, tuple[dict[str, str | None], bool, str]] = {
    "the Secret is missing": ({}, True, "the Secret of `spec.data.access.secretRef`"),
    "another secret key": ({"AWS_SECRET_ACCESS_KEY": CANARY}, True, "check the secret access key"),
    "no certificate": ({"ca.crt": None}, True, "`ca.crt` in the Secret"),
    "a certificate that is none": ({"ca.crt": CANARY}, True, "certificates in PEM"),
    "a host inside that nobody allowed": ({"AWS_SECRET_ACCESS_KEY": CANARY}, False, "not public"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_ends_the_task_for_good_and_shows_no_key(tmp_path: Path, server: Server, name: str) -> None:
    changes, allowed, says = REFUSED[name]
    changed: dict[str, str | None] = {**secret(server), **changes}
    given = {key: text for key, text in changed.items() if text is not None} if changes else {}
    hosts = {"IDLA_ALLOWED_HOSTS": f"localhost:{server.port}"} if allowed else {}
    found = ran_on_object(tmp_path, server, given, hosts)
    assert found.result.failure is not None
    assert (found.code, found.result.failure.reason) == (ExitCode.BAD_INPUT, FailureReason.DATA_REFUSED), found.said
    assert says in found.result.failure.message
    assert CANARY not in found.said
