"""The packaged library is the one that is shipped as manifests."""

from pathlib import Path

import yaml
from idla.api.model_template import ModelTemplateSpec
from idla.core.snapshot import Template
from idla.library import FILE, built_in_library, main, render

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests/library"


def test_it_is_generated() -> None:
    assert (ROOT / "operator/idla" / FILE).read_text() == render(MANIFESTS), "run `make generate`"


def test_its_templates_are_the_shipped_ones() -> None:
    shipped = [yaml.safe_load(path.read_text()) for path in sorted(MANIFESTS.glob("*-*.yaml"))]
    assert built_in_library() == tuple(
        Template(
            name=document["metadata"]["name"], spec=ModelTemplateSpec.model_validate(document["spec"]), built_in=True
        )
        for document in shipped
    )


def test_it_is_written_anew_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [b.yaml, a.yaml]\n")
    (tmp_path / "b.yaml").write_text("kind: B\n")
    (tmp_path / "a.yaml").write_text("kind: A\n")
    main([str(tmp_path), str(tmp_path / "out")])
    assert list(yaml.safe_load_all((tmp_path / "out").read_text())) == [{"kind": "A"}, {"kind": "B"}]
