"""Where a pod finds its parts, and how the artifact store is laid out."""

TASK_SPEC_ANNOTATION = "idla.dev/task-spec"
TASK_SPEC_FILE = "/etc/idla/task.json"
"""The annotation above, mounted by the downward API: the spec is atomic with its Job."""
STORE_MOUNT = "/artifacts"
"""Read-write claim of the workflow."""
DATA_MOUNT = "/data"
"""Read-only claim of `pvc://` data."""
DATA_SECRET_MOUNT = "/etc/idla-data-secret"  # noqa: S105  # a path
"""Read-only Secret with keys and certificates for remote data; empty where the Secret is missing."""
DATA_SECRET_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ca.crt")
"""What of it a pod sees, each in a file; a key that the Secret does not have is no file."""
SAMPLES_ROOT = "/opt/idla/samples"
"""Data sets inside the trainer image, behind `sample://`."""
ENCODERS_ROOT = "/opt/idla/encoders"
"""Pretrained encoders inside the trainer image, a folder each."""
MODEL_MOUNT = "/model"
"""The artifact folder of a serving pod."""
TERMINATION_LOG = "/dev/termination-log"
TERMINATION_LIMIT = 4096
"""Bytes of a termination message that the kubelet keeps."""


def task_folder(task: str, content_hash: str) -> str:
    """Return a task's folder in the store: checkpoints, curves and `result.json`, found again by content."""
    return f"tasks/{task}-{content_hash}"


def artifact_folder(digest: str) -> str:
    """Return a published artifact's folder in the store for a digest `sha256:<64 hex>`."""
    return "models/" + digest.replace(":", "-")
