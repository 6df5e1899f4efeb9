"""The state of a serving process, and the way of one inference request."""

import logging
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from idla_preprocess import InputError

from idla_server.engine import ENDLESS, Engine
from idla_server.messages import decode, encode
from idla_server.metrics import ServerMetrics
from idla_server.model import ServedModel

_LOG = logging.getLogger(__name__)


class Phase(StrEnum):
    """What a serving process is doing."""

    LOADING = "loading"
    WARMING = "warming"
    """It answers, but nobody but itself has tried."""
    READY = "ready"
    DRAINING = "draining"
    """It answers until everybody has forgotten it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost; more is refused with a message that names the limit."""

    body_bytes: int = 16 << 20
    batch: int = 1024
    in_flight: int = 256
    """Requests at a time; more are told to come again."""


class Service:
    """One named model on its way from loading to draining; belongs to the event loop."""

    def __init__(self, name: str, digest: str, limits: Limits) -> None:
        self.name = name
        self.version = digest.removeprefix("sha256:")[:12]
        self.limits = limits
        self.metrics = ServerMetrics()
        self.phase = Phase.LOADING
        self.model: ServedModel | None = None
        self.in_flight = 0
        self._engine: Engine | None = None

    @property
    def ready(self) -> bool:
        """Whether new requests should be sent here."""
        return self.phase is Phase.READY

    @property
    def counting(self) -> bool:
        """Whether requests are other people's, not the warm-up's."""
        return self.phase in {Phase.READY, Phase.DRAINING}

    def loaded(self, model: ServedModel, engine: Engine) -> None:
        """Answer with this model from now on."""
        self.model, self._engine = model, engine
        self._enter(Phase.WARMING)

    def warmed(self) -> None:
        """Declare the service ready, unless it is already asked to go."""
        self._enter(Phase.READY)

    def drain(self) -> bool:
        """Declare the service not ready; return whether anybody may still send requests."""
        was_ready = self.ready
        self._enter(Phase.DRAINING)
        return was_ready

    async def infer(self, body: bytes) -> bytes:
        """Return the answer's body for a request's body.

        Raises:
            InputError: the request cannot be answered.
        """
        if self._engine is None:
            raise RuntimeError("infer is called before loaded")
        size = ENDLESS if self._may_hold_pictures(body) else len(body)
        return await self._engine.run(lambda model: self._answer(model, body), size)

    def close(self) -> None:
        """Give up what is not answered."""
        if self._engine is not None:
            self._engine.close()

    def _answer(self, model: ServedModel, body: bytes) -> bytes:
        signature = model.signature
        request = decode(body, signature, self.limits.batch)
        values = model.predict(request.inputs)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            found = f"values in example {int(np.argmin(finite))} for which the model has no finite answer"
            raise InputError(signature.inputs[0].name, found, "values near the range of training")
        answers = signature.answers.of(values, request.inputs, request.parameters)
        return encode(request, self.name, self.version, answers)

    def _may_hold_pictures(self, body: bytes) -> bool:
        """Tell whether few bytes may be many pixels; a backslash could spell the word in another way."""
        if self.model is None or not any(tensor.pictures for tensor in self.model.signature.inputs):
            return False
        return b"BYTES" in body or b"\\" in body

    def _enter(self, phase: Phase) -> None:
        if self.phase is not Phase.DRAINING:
            self.phase = phase
            _LOG.info("the server is %s", phase, extra={"model": self.name, "version": self.version})
