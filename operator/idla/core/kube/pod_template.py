"""What is said of pods: by the user, and by the operator's settings where the user says nothing."""

from typing import TypeVar

from idla.api.meta import ObjectName
from idla.api.pod_template import PodSettings, PodTemplate

Template = TypeVar("Template", bound=PodTemplate)


def with_pull_secrets(given: Template | None, names: tuple[str, ...], *, kind: type[Template]) -> Template | None:
    """Return what is said of pods, with these Secrets for their images where it names none.

    Args:
        given: by the user; None for nothing.
        names: of the Secrets.
        kind: of what is returned where the user says nothing.
    """
    settings = (given and given.spec) or PodSettings()
    if not names or settings.image_pull_secrets is not None:
        return given
    secrets = tuple(ObjectName(name=name) for name in names)
    changed = settings.model_copy(update={"image_pull_secrets": secrets})
    return (given or kind()).model_copy(update={"spec": changed})
