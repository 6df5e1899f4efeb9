"""What users may say of pods, in Kubernetes' words: nothing by which a pod may do more or is taken for another."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar

from idla_contract.sidecars import QUIT_URL_FORM, QUIT_URL_PATTERN
from pydantic import AfterValidator, Field
from typing_extensions import override

from idla.api.keys import KeysAre
from idla.api.meta import Keyed, Matches, Name, ObjectName, Rule, SpecModel, Text, Whole, rules

_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_KEY = f"({_PART}([.]{_PART})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
_RESERVED = (
    "([-a-z0-9.]+[.])?idla[.]dev/.*|prometheus[.]io/.*|batch[.]kubernetes[.]io/.*"
    "|job-name|controller-uid|pod-template-hash"
    "|container[.](apparmor[.]security[.]beta|seccomp[.]security[.]alpha)[.]kubernetes[.]io/.*"
    "|seccomp[.]security[.]alpha[.]kubernetes[.]io/.*"
)
KEY = Matches(
    pattern=f"^{_KEY}$",
    allowed="a name of letters, digits, `-`, `_` and `.`, after a domain and `/` or alone, e.g. example.com/team",
)
KEY_LENGTH = 253
Key = Annotated[str, Field(max_length=KEY_LENGTH), KEY]
LABEL_VALUE = Matches(
    pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    allowed="letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, or empty",
)
LabelValue = Annotated[str, Field(max_length=63), LABEL_VALUE]


WELL_FORMED = KeysAre(
    fine=f"name.matches('^{_KEY}$') && name.size() <= {KEY_LENGTH}",
    accepts=lambda name: re.fullmatch(_KEY, name, re.ASCII) is not None and len(name) <= KEY_LENGTH,
    advice=(
        "a key is a name of up to 63 letters, digits, `-`, `_` and `.`, after a domain and `/` or alone, together of"
        f" up to {KEY_LENGTH}, e.g. `example.com/team`"
    ),
)
UNRESERVED = KeysAre(
    fine=f"!name.matches('^({_RESERVED})$')",
    accepts=lambda name: re.fullmatch(_RESERVED, name, re.ASCII) is None,
    advice=(
        "keys of `idla.dev/`, `prometheus.io/` and `batch.kubernetes.io/`, `job-name`, `controller-uid`,"
        " `pod-template-hash` and those of AppArmor and seccomp are set by the operator or by Kubernetes; leave it out"
    ),
)
_OWN_KEYS = (
    Field(max_length=16, json_schema_extra=rules(WELL_FORMED.to_rule(), UNRESERVED.to_rule())),
    AfterValidator(WELL_FORMED.check),
    AfterValidator(UNRESERVED.check),
)
Labels = Annotated[dict[str, LabelValue], *_OWN_KEYS]
Annotations = Annotated[dict[str, Text], *_OWN_KEYS]
NodeLabels = Annotated[
    dict[str, LabelValue],
    Field(max_length=16, json_schema_extra=rules(WELL_FORMED.to_rule())),
    AfterValidator(WELL_FORMED.check),
]


class PodMetadata(SpecModel):
    """Labels and annotations of pods."""

    labels: Labels | None = None
    """Added to the operator's own."""
    annotations: Annotations | None = None
    """Added to the operator's own. Pods of tasks have `sidecar.istio.io/inject: "false"`, as a label too, and
    `linkerd.io/inject: disabled`, unless the key is given here or among `labels`."""


class TolerationOperator(StrEnum):
    """How a toleration's value is compared with a taint's."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(SpecModel):
    """A taint of nodes that does not keep the pods away."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            message="a toleration without `key` is one of every taint: give a `key`, or `operator: Exists`",
        ),
        Rule(
            rule="!has(self.value) || !has(self.operator) || self.operator == 'Equal'",
            message="`operator: Exists` takes every value of the taint: leave out `value`, or set `operator: Equal`",
        ),
        Rule(
            rule="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="`tolerationSeconds` is for `effect: NoExecute` alone",
        ),
    )

    key: Key | None = None
    """The taint's key. Default: every key."""
    operator: TolerationOperator | None = None
    """How `value` is compared: `Exists` takes every one. Default: Equal."""
    value: LabelValue | None = None
    """The taint's value. Default: the empty one."""
    effect: TaintEffect | None = None
    """The taint's effect. Default: every effect."""
    toleration_seconds: Whole | None = Field(default=None, ge=0, le=31536000)
    """How long a pod stays on a node that gets the taint. Default: for ever."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        exists = self.operator is TolerationOperator.EXISTS
        return (
            self.key is not None or exists,
            self.value is None or not exists,
            self.toleration_seconds is None or self.effect is TaintEffect.NO_EXECUTE,
        )


_NOT_SYSTEM = "`priorityClassName` must not begin with `system-`, which is for the cluster itself; name another"


class PodSettings(SpecModel):
    """Where pods run, before whom, and with which Secrets their images are pulled."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="!has(self.priorityClassName) || !self.priorityClassName.startsWith('system-')",
            message=_NOT_SYSTEM,
            shown=f"""'{_NOT_SYSTEM} than "' + self.priorityClassName + '"'""",
        ),
    )

    node_selector: NodeLabels | None = None
    """Labels that a node must have. Default: every node will do."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] | None = None
    """Taints that do not keep the pods away. Those of the devices that a pod asks for, such as `nvidia.com/gpu`, are
    tolerated anyway."""
    priority_class_name: Name | None = None
    """A PriorityClass. Default: the cluster's."""
    service_account_name: Name | None = None
    """A ServiceAccount of the namespace; its token is not mounted. Default: `default`."""
    runtime_class_name: Name | None = None
    """A RuntimeClass, such as `nvidia`. Default: the cluster's."""
    image_pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=8), Keyed("name")] | None = None
    """Secrets of the namespace with which the operator's images are pulled.
    Default: the operator's, else those of the ServiceAccount."""

    @override
    def rules_kept(self) -> tuple[bool, ...]:
        return (self.priority_class_name is None or not self.priority_class_name.startswith("system-"),)


class PodTemplate(SpecModel):
    """What users say of pods; whatever is not named here is the operator's, as Pod Security `restricted` demands."""

    metadata: PodMetadata | None = None
    """Labels and annotations."""
    spec: PodSettings | None = None
    """Where the pods run, before whom, and with which Secrets their images are pulled."""


QuitUrl = Annotated[str, Field(max_length=128), Matches(pattern=QUIT_URL_PATTERN, allowed=QUIT_URL_FORM, hidden="@")]


class TaskPodTemplate(PodTemplate):
    """What users say of the pods of tasks, which end, and of those of the endpoint unless they say it there."""

    sidecar_quit_url: QuitUrl | None = None
    """Where a task sends an empty POST once it has ended, well or badly, so that a sidecar ends with it; on loopback
    alone. It does nothing for the endpoint. Default: none is sent."""

    def for_endpoint(self) -> PodTemplate | None:
        """Return what of it holds for pods that do not end, or None for nothing."""
        said = PodTemplate(metadata=self.metadata, spec=self.spec)
        return None if said == PodTemplate() else said
