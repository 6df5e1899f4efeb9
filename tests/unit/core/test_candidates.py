import json
from dataclasses import replace
from typing import Any

import pytest
from idla.core.blocker import Blocker
from idla.core.planning.candidates import Choice, nominate_candidates
from idla.core.snapshot import Template

from tests.unit.core.world import LIBRARY, profile, requirements, template

DIGITS = profile()
BIG = template("resnet-big", "resnet", 20_000_000)
MIDDLE = template("resnet-middle", "resnet", 2_000_000)
LARGE_INPUT = template("vgg-224", "vgg", 50_000, inputs={"minimumSide": 32})
TINY_INPUT = template("vgg-tiny", "vgg", 50_000, inputs={"maximumSide": 4})
FLOAT_ONLY = template("plain", "plain", 80_000, compressionMethods=[])
BUILT_IN = tuple(replace(entry, built_in=True) for entry in LIBRARY)


def chosen(library: tuple[Template, ...], **changes: Any) -> Choice:
    found = nominate_candidates(requirements(**changes), library, DIGITS)
    assert isinstance(found, Choice)
    return found


def names(choice: Choice) -> list[str]:
    return [candidate.template for candidate in choice.candidates]


def refused(choice: Choice) -> dict[str, str]:
    return {entry.choice: entry.reason for entry in choice.rejected}


def shortlist(*refs: str, **more: Any) -> dict[str, Any]:
    return {"selection": "Shortlist", "templateRefs": [{"name": ref} for ref in refs], **more}


def maximum(mebibytes: str) -> list[dict[str, str]]:
    return [{"metric": "modelSizeMebibytes", "maximum": mebibytes}]


def test_every_architecture_comes_once_before_any_comes_twice_and_small_ones_first() -> None:
    choice = chosen((BIG, MIDDLE, *LIBRARY), model={"maxCandidates": 8})
    assert names(choice) == ["resnet-small", "vgg-small", "resnet-middle", "resnet-big"]


def test_what_stands_behind_the_limit_is_named() -> None:
    choice = chosen((BIG, MIDDLE, *LIBRARY))
    assert (names(choice), refused(choice)) == (
        ["resnet-small", "vgg-small", "resnet-middle"], {"resnet-big": "CandidateLimit"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (LIBRARY, "2 of 2 templates are trained: resnet-small (80000 weights), vgg-small (120000 weights)"),
        (BUILT_IN, "2 of 2 built-in templates are trained: resnet-small (80000 weights), vgg-small (120000 weights)"),
    ],
)
def test_the_choice_says_how_many_are_trained_and_of_which_library(library: tuple[Template, ...], message: str) -> None:
    assert chosen(library).message == message


def test_a_shortlist_keeps_its_order() -> None:
    assert names(chosen((MIDDLE, *LIBRARY), model=shortlist("resnet-middle", "vgg-small"))) == [
        "resnet-middle", "vgg-small",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "reason", "message"),
    [
        pytest.param(LARGE_INPUT, "InputTooSmall", "images are 8x8; it needs at least 32 a side", id="small images"),
        pytest.param(TINY_INPUT, "InputTooLarge", "images are 8x8; it takes at most 4 a side", id="large images"),
        pytest.param(
            BIG,
            "SizeExceeded",
            "19.1 MiB expected with DynamicRange or Int8 (20000000 weights); `modelSizeMebibytes` allows 0.2",
            id="too many weights",
        ),
        pytest.param(
            FLOAT_ONLY,
            "SizeExceeded",
            "0.305 MiB expected uncompressed (80000 weights); `modelSizeMebibytes` allows 0.2",
            id="nothing compresses it",
        ),
    ],
)
def test_what_does_not_fit_is_rejected_with_figures(extra: Template, reason: str, message: str) -> None:
    choice = chosen((extra, *LIBRARY), constraints=maximum("0.2"))
    assert names(choice) == ["resnet-small", "vgg-small"]
    assert [(entry.choice, entry.reason, entry.message) for entry in choice.rejected] == [(extra.name, reason, message)]


def test_what_takes_long_for_each_of_many_examples_is_tried_only_where_it_is_named() -> None:
    few, many = ({"parameters": 50_000, "maximumExamples": 1150 - less} for less in (0, 1))
    slow, slower = template("slow", "slow", 50_000, profile=few), template("slower", "slow", 50_000, profile=many)
    choice = chosen((slow, slower, *LIBRARY))
    message = (
        "1150 examples to train; it takes long for each, so beyond 1149 it is tried only where"
        " `spec.model.templateRefs` names it and `selection` is Shortlist or Pinned"
    )
    assert names(choice) == ["slow", "resnet-small", "vgg-small"]
    assert [(entry.choice, entry.reason, entry.message) for entry in choice.rejected] == [
        ("slower", "TooManyExamples", message)
    ]
    assert names(chosen((slower, *LIBRARY), model=shortlist("slower"))) == ["slower"]


def test_images_that_are_not_known_yet_reject_nothing() -> None:
    found = nominate_candidates(requirements(model=shortlist("vgg-224")), (LARGE_INPUT,), None)
    assert isinstance(found, Choice)


@pytest.mark.parametrize(
    ("library", "changes", "reason", "message"),
    [
        pytest.param(
            LIBRARY,
            {"model": shortlist("vgg-smal", "resnet-small")},
            "TemplateNotFound",
            "`spec.model.templateRefs`: no ModelTemplate vgg-smal; known are: resnet-small, vgg-small",
            id="a typo",
        ),
        pytest.param(
            (),
            {"model": shortlist("vgg")},
            "TemplateNotFound",
            "`spec.model.templateRefs`: no ModelTemplate vgg; known are: none; the library is empty",
            id="a name",
        ),
        pytest.param(
            (),
            {},
            "NoFeasibleModel",
            "the library has no ModelTemplate for ImageClassification; apply the library's manifests or add one",
            id="no library",
        ),
        pytest.param(
            (FLOAT_ONLY,),
            {"constraints": maximum("0.2")},
            "NoFeasibleModel",
            "no template can do it; relax the spec or add a ModelTemplate: plain: SizeExceeded, 0.305 MiB expected "
            "uncompressed (80000 weights); `modelSizeMebibytes` allows 0.2",
            id="none small enough",
        ),
        pytest.param(
            LIBRARY[:1],
            {"constraints": maximum("0.2"), "compression": {"mode": "Off"}},
            "NoFeasibleModel",
            "no template can do it; relax the spec or add a ModelTemplate: resnet-small: SizeExceeded, 0.305 MiB "
            "expected uncompressed (80000 weights); `modelSizeMebibytes` allows 0.2",
            id="compression is off",
        ),
        pytest.param(
            BUILT_IN,
            {"model": shortlist("ours")},
            "TemplateNotFound",
            "`spec.model.templateRefs`: no ModelTemplate ours; known are those of the operator, which may not read "
            "ModelTemplates: resnet-small, vgg-small",
            id="a name where ModelTemplates are not read",
        ),
        pytest.param(
            BUILT_IN[:1],
            {"constraints": maximum("0.2"), "compression": {"mode": "Off"}},
            "NoFeasibleModel",
            "no built-in template can do it; relax the spec: resnet-small: SizeExceeded, 0.305 MiB expected "
            "uncompressed (80000 weights); `modelSizeMebibytes` allows 0.2",
            id="none small enough where ModelTemplates are not read",
        ),
    ],
)
def test_no_candidate_is_an_obstacle_with_its_reason(
    library: tuple[Template, ...], changes: dict[str, Any], reason: str, message: str
) -> None:
    found = nominate_candidates(requirements(**changes), library, DIGITS)
    assert isinstance(found, Blocker)
    assert (found.reason, found.message) == (reason, message)


def test_a_candidate_is_frozen_with_the_settings_of_the_workflow_before_those_of_the_template() -> None:
    entry = template(
        "resnet",
        "resnet",
        80_000,
        hyperparameters=[
            {"name": "width", "value": "16"},
            {"name": "dropout", "value": "0.1"},
            {"name": "activation", "value": "relu"},
        ],
        training={"maxEpochs": 40, "batchSize": 64, "learningRate": "0.002", "jitCompile": True},
    )
    training = {"maxEpochs": 7, "seed": 3, "earlyStopping": {"patienceEpochs": 2, "minDelta": "0.001"}}
    candidate = chosen((entry,), training=training, compression={"methods": ["Int8"]}).candidates[0]
    assert json.loads(candidate.hyperparameters) == {"width": 16, "dropout": 0.1, "activation": "relu"}
    assert json.loads(candidate.training) == {
        "maxEpochs": 7, "batchSize": 64, "learningRate": 0.002, "weightDecay": 0.0001, "seed": 3,
        "earlyStopping": {"patienceEpochs": 2, "minDelta": 0.001}, "checkpointPeriodSeconds": 30,
        "schedule": "Cosine", "warmUpPercent": 5.0, "labelSmoothing": 0.0, "averageDecay": 0.0,
        "classWeights": "None", "jitCompile": True,
    }  # fmt: skip
    assert candidate.methods == ("Int8",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16), ("-3", -3), ("0.25", 0.25), ("1e-3", 0.001), (".5", 0.5), ("relu", "relu"), ("nan", "nan"),
        ("-Infinity", "-Infinity"), ("1e999", "1e999"), ("1_000", "1_000"), (" 7", " 7"), ("\u0663", "\u0663"),
    ],
)  # fmt: skip
def test_a_hyperparameter_is_a_number_where_it_is_written_as_a_decimal_and_is_finite(text: str, value: object) -> None:
    entry = template("own", "resnet", 1000, hyperparameters=[{"name": "width", "value": text}])
    (candidate,) = chosen((entry,)).candidates
    assert json.loads(candidate.hyperparameters) == {"width": value}


@pytest.mark.parametrize("character", ["x", '"', "\x01", "\U0001f642"])
def test_as_many_hyperparameters_as_a_template_may_have_fit_into_the_plan(character: str) -> None:
    settings = [{"name": f"{number:02}".rjust(63, "p"), "value": character * 253} for number in range(32)]
    (candidate,) = chosen((template("own", "resnet", 1000, hyperparameters=settings),)).candidates
    assert len(json.loads(candidate.hyperparameters)) == 32


def test_a_candidate_takes_the_weights_of_its_template() -> None:
    given = {"uri": "https://models.example/digits.npz", "sha256": "a" * 64}
    (candidate,) = chosen((template("vgg-given", "vgg", 120_000, weights=given),)).candidates
    assert candidate.to_status()["weights"] == given


@pytest.mark.parametrize(
    ("data", "mounts"),
    [("pvc://other/digits.npz", "other for the data"), ("sample://digits", "none, since the data are on none")],
)
def test_weights_on_a_claim_that_the_pods_do_not_mount_reject_their_template(data: str, mounts: str) -> None:
    given = {"uri": "pvc://models/vgg.h5", "sha256": "a" * 64}
    own = template("vgg-given", "pretrained-vgg", 120_000, weights=given)
    choice = chosen((own, *LIBRARY), data={"storageUri": data})
    assert names(choice) == ["resnet-small", "vgg-small"]
    assert [(entry.choice, entry.reason, entry.message) for entry in choice.rejected] == [
        ("vgg-given", "WeightsNotMounted", f"its weights are on the claim models; its pod mounts {mounts}")
    ]
    assert names(chosen((own,), data={"storageUri": "pvc://models/digits.npz"})) == ["vgg-given"]


TERMS = {
    "parameters": 100,
    "terms": [
        {"weights": 1, "per": ["Ngrams", "Classes"]},
        {"weights": 1, "per": ["Classes", "Classes"]},
        {"weights": 9},
    ],
}


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        pytest.param({"facts": {"ngrams": 50}}, 50 * 10 + 100 + 9, id="all is known"),
        pytest.param({"facts": {"ngrams": 50, "classes": 77}, "classes": (), "class_counts": ()}, 50 * 77 + 77**2 + 9,
                     id="the names of the classes were cut off"),
        pytest.param({"facts": {}}, 100, id="no n-grams are told"),
        pytest.param(None, 100, id="not profiled"),
    ],
)  # fmt: skip
def test_the_data_decide_how_many_weights_are_expected(changes: dict[str, Any] | None, weights: int) -> None:
    linear = template("linear", "linear", 100, profile=TERMS)
    found = nominate_candidates(requirements(), (linear,), None if changes is None else profile(**changes))
    assert isinstance(found, Choice)
    assert [candidate.parameters for candidate in found.candidates] == [weights]


def test_a_constraint_on_the_size_is_judged_by_what_the_data_tell() -> None:
    linear = template("linear", "linear", 100, profile=TERMS)
    found = nominate_candidates(
        requirements(constraints=maximum("0.1")), (linear, *LIBRARY), profile(facts={"ngrams": 20_000})
    )
    assert isinstance(found, Choice)
    assert refused(found) == {"linear": "SizeExceeded", "vgg-small": "SizeExceeded"}
