"""The best weights of a training, kept for the compression, and their answers, by which it is compared with others."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idla_contract.artifact import digest_of
from idla_contract.base import ContractModel
from idla_contract.choice import FinishedTraining
from idla_contract.result import FailureReason
from idla_contract.task import Candidate, ModelSpec, Training
from idla_preprocess.arrays import unpack
from pydantic import ConfigDict, Field

from idla_trainer.data.dataset import Dataset
from idla_trainer.failures import TaskError
from idla_trainer.task_store import TaskStore, write_atomically
from idla_trainer.training.answers import JudgedAnswers
from idla_trainer.training.checkpoints import Arrays, pack

FOLDER = "candidate"
_WEIGHTS = "weights.npz"
_ANSWERS = "answers.npz"
_CARD = "candidate.json"
FILES = (f"{FOLDER}/{_WEIGHTS}", f"{FOLDER}/{_ANSWERS}", f"{FOLDER}/{_CARD}")
_DIGESTS = {_WEIGHTS: "weightsDigest", _ANSWERS: "answersDigest"}
"""Under which name the card has the digest of a file."""


class CandidateCard(ContractModel):
    """What is told of a trained network beside its numbers."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: ModelSpec
    """As it was asked for."""
    found: Mapping[str, float] = Field(default_factory=dict)
    """Settings that its training found, such as how many trees there are; none on a card of before."""
    signature_digest: str
    """Of what its network takes and answers."""
    data_digest: str
    training: Training
    environment: dict[str, str]
    """What it was trained on, as `describe_environment` tells it."""
    best_epoch: int
    """The epoch that gave its weights, counted from 1; 0: the network as it came."""
    temperature: float
    """By which the logits of a classifier were divided."""
    parameters: int = 0
    """Weights of its network, trained or not; 0 on a card of before, which did not tell."""

    @property
    def built(self) -> ModelSpec:
        """Return the model with all settings of the network that has these weights."""
        return self.model.with_hyperparameters(self.found)


class JudgedCandidate(CandidateCard):
    """A trained network by what it answers."""

    answers: JudgedAnswers = Field(exclude=True)


class TrainedCandidate(CandidateCard):
    """Weights with all that is needed to build their network again."""

    weights: Arrays = Field(exclude=True)

    @property
    def seed(self) -> int:
        """Return the seed of its training."""
        return self.training.seed

    def save(self, task: TaskStore, answers: JudgedAnswers) -> None:
        """Write the candidate into its task's folder, with what it answers."""
        folder = task.path / FOLDER
        folder.mkdir(exist_ok=True)
        contents = {_WEIGHTS: pack(self.weights), _ANSWERS: pack(answers.arrays())}
        digests = {_DIGESTS[name]: digest_of(content) for name, content in contents.items()}
        card = {**json.loads(self.to_json()), **digests}
        for name, content in contents.items():
            write_atomically(folder / name, content)
        write_atomically(folder / _CARD, json.dumps(card, indent=1, sort_keys=True).encode())


def load_candidate(store: Path, wanted: Candidate) -> TrainedCandidate:
    """Return a finished training of the store.

    Raises:
        TaskError: it is missing, damaged, or of another network.
    """
    with _refused(wanted):
        card, arrays = _read(store, wanted, _WEIGHTS)
        found = TrainedCandidate.model_validate({**card, "weights": arrays})
    if found.model != wanted.model:
        message = f"the candidate {wanted.task} is {found.model.to_json()}, asked for {wanted.model.to_json()}"
        raise TaskError(FailureReason.ARTIFACT_INVALID, message)
    return found


def load_judged(store: Path, wanted: FinishedTraining) -> JudgedCandidate:
    """Return what a finished training of the store answers; its weights are not read.

    Raises:
        TaskError: it is missing or damaged.
    """
    with _refused(wanted):
        card, arrays = _read(store, wanted, _ANSWERS)
        return JudgedCandidate.model_validate({**card, "answers": JudgedAnswers.of(arrays)})


def _read(store: Path, wanted: FinishedTraining, name: str) -> tuple[dict[str, Any], Arrays]:
    """Return the card of a finished training without the digests, and the arrays of one of its files."""
    folder = TaskStore.of(store, wanted.task, wanted.content_hash).path / FOLDER
    card: dict[str, Any] = json.loads((folder / _CARD).read_bytes())
    content = (folder / name).read_bytes()
    if digest_of(content) != card[_DIGESTS[name]]:
        kept = Path(name).stem
        message = f"the {kept} of candidate {wanted.task} have another digest than recorded; train it again"
        raise TaskError(FailureReason.ARTIFACT_DIGEST_MISMATCH, message)
    return {key: value for key, value in card.items() if key not in _DIGESTS.values()}, unpack(content)


@contextmanager
def _refused(wanted: FinishedTraining) -> Iterator[None]:
    """Say of a file that is missing or cannot be read what is to be done.

    Raises:
        TaskError: one was.
    """
    try:
        yield
    except FileNotFoundError as error:
        lacking = Path(str(error.filename)).name
        message = (
            f"the store has no {lacking} of the candidate {wanted.task} with the content {wanted.content_hash}; train"
            " it again"
        )
        raise TaskError(FailureReason.ARTIFACT_NOT_FOUND, message) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"the candidate {wanted.task} cannot be read ({error}); train it again"
        raise TaskError(FailureReason.ARTIFACT_INVALID, message) from error


def check_fits(candidate: CandidateCard, dataset: Dataset) -> None:
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
