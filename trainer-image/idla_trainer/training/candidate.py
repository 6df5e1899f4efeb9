"""The best weights of a training, kept for the compression."""

import json
from pathlib import Path
from typing import Any

from idla_contract.artifact import digest_of
from idla_contract.base import ContractModel
from idla_contract.result import FailureReason
from idla_contract.task import Candidate, ModelSpec, Training
from idla_preprocess.arrays import unpack
from pydantic import ConfigDict, Field

from idla_trainer.data.dataset import Dataset
from idla_trainer.failures import TaskError
from idla_trainer.task_store import TaskStore, write_atomically
from idla_trainer.training.checkpoints import Arrays, pack

FOLDER = "candidate"
_WEIGHTS = "weights.npz"
_CARD = "candidate.json"
FILES = (f"{FOLDER}/{_WEIGHTS}", f"{FOLDER}/{_CARD}")


class TrainedCandidate(ContractModel):
    """Weights with all that is needed to build their network again."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: ModelSpec
    """As it was asked for."""
    built: ModelSpec
    """With the settings of the network that has these weights."""
    signature_digest: str
    """Of what its network takes and answers."""
    data_digest: str
    training: Training
    environment: dict[str, str]
    """What it was trained on, as `describe_environment` tells it."""
    weights: Arrays = Field(exclude=True)
    best_epoch: int
    """The epoch that gave them, counted from 1; 0: the network as it came."""
    temperature: float
    """By which the logits of a classifier were divided."""

    @property
    def seed(self) -> int:
        """Return the seed of its training."""
        return self.training.seed

    def save(self, task: TaskStore) -> None:
        """Write the candidate into its task's folder."""
        folder = task.path / FOLDER
        folder.mkdir(exist_ok=True)
        content = pack(self.weights)
        card = {**json.loads(self.to_json()), "weightsDigest": digest_of(content)}
        write_atomically(folder / _WEIGHTS, content)
        write_atomically(folder / _CARD, json.dumps(card, indent=1, sort_keys=True).encode())


def load_candidate(store: Path, wanted: Candidate) -> TrainedCandidate:
    """Return a finished training of the store.

    Raises:
        TaskError: it is missing, damaged, or of another network.
    """
    folder = TaskStore.of(store, wanted.task, wanted.content_hash).path / FOLDER
    try:
        card: dict[str, Any] = json.loads((folder / _CARD).read_bytes())
        content = (folder / _WEIGHTS).read_bytes()
        if digest_of(content) != card.pop("weightsDigest"):
            message = f"the weights of candidate {wanted.task} have another digest than recorded; train it again"
            raise TaskError(FailureReason.ARTIFACT_DIGEST_MISMATCH, message)
        found = TrainedCandidate.model_validate({**card, "weights": unpack(content)})
    except FileNotFoundError as error:
        message = f"the store has no candidate {wanted.task} with the content {wanted.content_hash}; train it again"
        raise TaskError(FailureReason.ARTIFACT_NOT_FOUND, message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"the candidate {wanted.task} cannot be read ({error}); train it again"
        raise TaskError(FailureReason.ARTIFACT_INVALID, message) from error
    if found.model != wanted.model:
        message = f"the candidate {wanted.task} is {found.model.to_json()}, asked for {wanted.model.to_json()}"
        raise TaskError(FailureReason.ARTIFACT_INVALID, message)
    return found


def check_fits(candidate: TrainedCandidate, dataset: Dataset) -> None:
    """Make sure that a candidate was trained on these very data.

    Raises:
        TaskError: other bytes, or another signature.
    """
    if candidate.data_digest != dataset.digest:
        message = (
            f"the candidate was trained on data with the digest {candidate.data_digest}, now they have "
            f"{dataset.digest}; restore the data or train again"
        )
        raise TaskError(FailureReason.DATA_DIGEST_MISMATCH, message)
    if candidate.signature_digest != dataset.signature.digest():
        message = "the candidate takes or answers something else than these data have; train it again"
        raise TaskError(FailureReason.ARTIFACT_INVALID, message)
