"""From the sample's YAML to an answer: a bucket inside, behind a proxy with a login and an authority of one's own."""

from pathlib import Path

import pytest
import yaml

from tests import generated
from tests.integration.store.conftest import KEYS, Server
from tools.local_endpoint import serving_workflow
from tools.object_store import REGION
from tools.tunnel_proxy import proxying
from tools.waiting import PATIENCE, WHOLE

PASSWORD = "of-the-proxy-alone"  # of a proxy that lives as long as this test
SAMPLE = Path(__file__).parents[3] / "manifests/samples/s3.yaml"

pytestmark = pytest.mark.timeout(WHOLE)


def test_a_bucket_inside_becomes_a_model_that_answers(tmp_path: Path, server: Server) -> None:
    generated.write(tmp_path / "data")
    (server.folder / "bucket" / "tumours.csv").write_bytes((tmp_path / "data/tumours.csv").read_bytes())
    workflow = yaml.safe_load(SAMPLE.read_text())
    workflow["spec"] |= {"preset": "Fast", "training": {"maxEpochs": 5}, "model": {"maxCandidates": 1}}
    workflow["spec"]["data"]["access"] = {"region": REGION, "endpoint": server.endpoint}
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    reach = {
        "AWS_ACCESS_KEY_ID": KEYS.access_key_id, "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
        "IDLA_CA_FILE": str(server.authority), "IDLA_ALLOWED_HOSTS": f"localhost:{server.port}",
        "NO_PROXY": "", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    with proxying(f"reader:{PASSWORD}") as proxy:
        reach["HTTPS_PROXY"] = proxy.address.replace("//", f"//reader:{PASSWORD}@")
        with serving_workflow(tmp_path, "tumours-s3", reach, PATIENCE) as served:
            answers = served.endpoint.infer(served.example)
    assert set(answers["label"]["data"]) <= {"2", "4"}
    assert served.document["reason"] == "Completed"
    assert set(proxy.asked) == {f"localhost:{server.port}"}
    files = (path for part in ("out", "stderr", "stdout") for path in (tmp_path / part, *(tmp_path / part).rglob("*")))
    kept = "".join(path.read_text(errors="replace") for path in files if path.is_file())
    assert KEYS.secret_access_key not in kept
    assert PASSWORD not in kept
