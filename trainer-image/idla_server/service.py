"""The state of a serving process, and the way of one inference request."""

import logging
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from idla_artifact.model import ServedModel
from idla_preprocess import InputError

from idla_server.engine import ENDLESS, Engine
from idla_server.messages import Reply, decode, encode
from idla_server.metrics import ServerMetrics
from idla_server.request_body import IDENTITY, Body

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

    async def infer(self, body: Body) -> Reply:
        """Return the answer to a request; what is compressed is unpacked by whoever answers, so few at a time.

        Raises:
            BodyTooLargeError: the body is, once it is unpacked.
            InputError: the request cannot be answered.
        """
        if self._engine is None:
            raise RuntimeError("infer is called before loaded")
        size = ENDLESS if self._may_hold_much(body) else len(body.content)
        return await self._engine.run(lambda model: self._answer(model, body), size)

    def close(self) -> None:
        """Give up what is not answered."""
        if self._engine is not None:
            self._engine.close()

    def _answer(self, model: ServedModel, body: Body) -> Reply:
        signature = model.signature
        request = decode(body.unpacked(self.limits.body_bytes), signature, self.limits.batch, body.json_bytes)
        values = model.predict(request.inputs)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            found = f"values in example {int(np.argmin(finite))} for which the model has no finite answer"
            raise InputError(signature.inputs[0].name, found, "values near the range of training")
        answers = signature.answers.of(values, request.inputs, request.parameters)
        return encode(request, self.name, self.version, answers)

    def _may_hold_much(self, body: Body) -> bool:
        """Tell whether few bytes may be many values or pixels; a backslash could spell the word in another way."""
        if body.encoding != IDENTITY or body.json_bytes is not None:
            return True
        if self.model is None or not any(tensor.pictures for tensor in self.model.signature.inputs):
            return False
        return b"BYTES" in body.content or b"\\" in body.content

    def _enter(self, phase: Phase) -> None:
        if self.phase is not Phase.DRAINING:
            self.phase = phase
            _LOG.info("the server is %s", phase, extra={"model": self.name, "version": self.version})
