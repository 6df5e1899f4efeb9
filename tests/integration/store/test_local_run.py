"""From the sample's YAML to an answer: data of a bucket inside, behind a proxy and an authority of one's own."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from idla.endpoint import Endpoint

from tests import generated
from tests.integration.store.conftest import KEYS, REGION, Proxy, Server
from tools.waiting import PATIENCE, WHOLE, until

SAMPLE = Path(__file__).parents[3] / "manifests/samples/s3.yaml"

pytestmark = pytest.mark.timeout(WHOLE)


def test_a_bucket_inside_becomes_a_model_that_answers(tmp_path: Path, server: Server, proxy: Proxy) -> None:
    generated.write(tmp_path / "data")
    (server.folder / "bucket" / "tumours.csv").write_bytes((tmp_path / "data/tumours.csv").read_bytes())
    workflow = yaml.safe_load(SAMPLE.read_text())
    workflow["spec"] |= {"preset": "Fast", "training": {"maxEpochs": 5}}
    workflow["spec"]["data"]["access"] = {"region": REGION, "endpoint": server.endpoint}
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", "--quiet", "--serve"]
    reach = {
        "AWS_ACCESS_KEY_ID": KEYS.access_key_id, "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
        "IDLA_CA_FILE": str(server.authority), "IDLA_ALLOWED_HOSTS": f"localhost:{server.port}",
        "HTTPS_PROXY": proxy.address, "NO_PROXY": "", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    said, told = tmp_path / "stderr", tmp_path / "stdout"
    with said.open("w") as err, told.open("w") as out, subprocess.Popen(
        [*command, "--output", str(tmp_path / "out"), "--file", str(tmp_path / "workflow.yaml")],
        env=os.environ | reach, stdout=out, stderr=err,
    ) as process:  # fmt: skip
        try:
            until(lambda: " -d " in said.read_text() or process.poll() is not None, said.read_text)
            words = shlex.split(said.read_text().splitlines()[-1])  # curl -s URL -H … -d @FILE
            request = json.loads(Path(words[-1].removeprefix("@")).read_text())
            answers = Endpoint(words[2].partition("/v2/")[0], "tumours-s3").infer(request)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
    assert set(answers["label"]["data"]) <= {"2", "4"}
    assert json.loads(told.read_text().splitlines()[-1])["reason"] == "Completed"
    assert set(proxy.asked) == {f"localhost:{server.port}"}
    kept = "".join(path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert KEYS.secret_access_key not in kept + said.read_text() + told.read_text()
