"""What is said of pods: by the user, and by the operator's settings where the user says nothing."""

from idla.api.meta import ObjectName
from idla.api.pod_template import PodSettings, PodTemplate


def with_pull_secrets(given: PodTemplate | None, names: tuple[str, ...]) -> PodTemplate | None:
    """Return what is said of pods, with these Secrets for their images where it names none."""
    settings = (given and given.spec) or PodSettings()
    if not names or settings.image_pull_secrets is not None:
        return given
    secrets = tuple(ObjectName(name=name) for name in names)
    changed = settings.model_copy(update={"image_pull_secrets": secrets})
    return (given or PodTemplate()).model_copy(update={"spec": changed})
