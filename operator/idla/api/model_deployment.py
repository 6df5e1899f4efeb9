"""ModelDeployment: an endpoint that answers with a published artifact."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from idla.api.meta import Conditions, Digest, Name, ObjectName, Rule, SpecModel, StatusModel, Whole
from idla.api.pod_template import PodTemplate
from idla.api.resources import Resources
from idla.api.uri import ArtifactUri

KIND = "ModelDeployment"
PLURAL = "modeldeployments"


class ModelReference(SpecModel):
    """What is served: the newest artifact of a workflow, or one artifact by its digest."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.workflowRef) != has(self.storageUri)",
            message="give exactly one of `workflowRef` and `storageUri`",
        ),
        Rule(
            rule="has(self.storageUri) == has(self.digest)",
            message="`storageUri` and `digest` belong together: the digest says which bytes may be served",
        ),
    )

    workflow_ref: ObjectName | None = None
    """A TrainingWorkflow of this namespace; its newest published artifact is served, also after its deletion."""
    storage_uri: ArtifactUri | None = None
    """An artifact folder: `pvc://claim/path` or `https://host/path`."""
    digest: Digest | None = None
    """The digest of the artifact, as `status.artifact.digest` of a workflow shows it."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (
            (self.workflow_ref is None) != (self.storage_uri is None),
            (self.storage_uri is None) == (self.digest is None),
        )


class ModelDeploymentSpec(SpecModel):
    """What is served, and by how many pods."""

    model: ModelReference
    """What is served."""
    replicas: Whole | None = Field(default=None, ge=1, le=100)
    """Serving pods. Default: 1."""
    resources: Resources | None = None
    """What each serving pod asks for. Default: 100m CPU and 128Mi memory, at most 512Mi memory."""
    pod_template: PodTemplate | None = None
    """What is said of the serving pods, in Kubernetes' words. Default: nothing."""


class ServedModelStatus(StatusModel):
    """An artifact that serves or is being rolled out."""

    uri: Annotated[str, Field(max_length=2048)]
    """Its folder."""
    digest: Digest
    """Its digest."""
    workflow: Name | None = None
    """The TrainingWorkflow that published it, where one is followed."""


class ModelDeploymentStatus(StatusModel):
    """What serves now."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The generation that everything here speaks of; -1 until the operator has seen the object."""
    conditions: Conditions = ()
    """Observations; `Ready` is the summary."""
    url: Annotated[str, Field(max_length=512)] | None = None
    """The address inside the cluster: Open Inference Protocol v2 over REST."""
    model: ServedModelStatus | None = None
    """The artifact that the pods are asked to serve."""
    serving: ServedModelStatus | None = None
    """The newest artifact that all pods have served; it goes on serving while another is rolled out."""
    replicas: int = Field(default=0, ge=0)
    """Serving pods that exist."""
    ready_replicas: int = Field(default=0, ge=0)
    """Serving pods that answer."""
    selector: Annotated[str, Field(max_length=253)] = ""
    """Labels of the serving pods, for `kubectl scale` and autoscalers."""
