"""The model library that comes with the product, for where no ModelTemplates can be read.

`library.yaml` is written from `manifests/library`: `python -m idla.library [FROM] [TO]`.
"""

import sys
from importlib import resources
from pathlib import Path

import yaml

from idla.api.model_template import ModelTemplateSpec
from idla.core.snapshot import Template

FILE = "library.yaml"
HEADER = "# Generated from manifests/library by `make generate`; an edit here would be lost.\n"


def built_in_library() -> tuple[Template, ...]:
    """Return the templates that come with the product, by name."""
    text = resources.files("idla").joinpath(FILE).read_text(encoding="utf-8")
    found = (
        Template(
            name=document["metadata"]["name"],
            spec=ModelTemplateSpec.model_validate(document["spec"]),
            built_in=True,
        )
        for document in yaml.safe_load_all(text)
    )
    return tuple(sorted(found, key=lambda template: template.name))


def render(folder: Path) -> str:
    """Return the text of `library.yaml` for the manifests of a folder; its kustomization is left out."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    return HEADER + "---\n".join(path.read_text(encoding="utf-8") for path in files)


def main(arguments: list[str]) -> None:
    """Write `library.yaml`: by default from `manifests/library` into `operator/idla`."""
    source, target = arguments or ("manifests/library", f"operator/idla/{FILE}")
    Path(target).write_text(render(Path(source)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
