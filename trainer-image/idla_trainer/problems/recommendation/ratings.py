"""One rating: the regression of a value that cannot leave the scale of the ratings."""

from dataclasses import asdict, dataclass
from typing import Any

from idla_contract.problem import Metric
from idla_preprocess import Array
from typing_extensions import override

from idla_trainer.problems.regression import Regression


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings(Regression):
    """The objective of predicted ratings; what is served stays between the lowest and the highest one."""

    lowest: float
    """Of the training ratings."""
    highest: float

    @classmethod
    @override
    def fitted(cls, metric: Metric, targets: Array) -> "Ratings":
        """Return the objective with location, scale and range of the training ratings [N]."""
        usual = Regression.fitted(metric, targets)
        return cls(**asdict(usual), lowest=float(targets.min()), highest=float(targets.max()))

    @override
    def finish(self, outputs: Any) -> Any:
        """Return the ratings, cut off at both ends of their range."""
        import keras

        above = keras.layers.Rescaling(self.scale, offset=self.center - self.lowest, name="above_lowest")(outputs)
        within = keras.layers.ReLU(max_value=self.highest - self.lowest, name="within")(above)
        return keras.layers.Rescaling(1.0, offset=self.lowest, name="rating")(within)
