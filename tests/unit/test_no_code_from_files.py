"""No file that the product reads makes it run code: what unpickles, evaluates or loads foreign models is not called."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("operator", "trainer-image")

MODULES = {
    "pickle": "a pickle is a program",
    "cPickle": "a pickle is a program",
    "_pickle": "a pickle is a program",
    "dill": "a pickle is a program",
    "cloudpickle": "a pickle is a program",
    "joblib": "a pickle is a program",
    "shelve": "a pickle is a program",
    "torch": "its files are pickles",
    "marshal": "it makes code objects of bytes",
    "h5py": "Keras loads layers of code from HDF5 files; weights are kept as plain arrays",
    "tarfile": "members of an archive lead where they like",
    "code": "it runs text",
    "runpy": "it runs files",
    "ctypes": "it calls whatever a library holds",
    "subprocess": "the product starts no program",
    "pty": "the product starts no program",
}
ATTRIBUTES = {
    "np.load": "use idla_preprocess.arrays, which looks at sizes before it unpacks",
    "numpy.load": "use idla_preprocess.arrays, which looks at sizes before it unpacks",
    "np.fromfile": "it makes room for whatever is asked",
    "yaml.load": "use yaml.safe_load",
    "yaml.unsafe_load": "use yaml.safe_load",
    "yaml.full_load": "use yaml.safe_load",
    "os.system": "the product starts no program",
    "os.popen": "the product starts no program",
    "importlib.import_module": "names in files choose no code",
}
LAST = {
    "load_model": "Keras runs code of a model file (CVE-2024-3660, CVE-2026-1462)",
    "load_weights": "weights are kept as plain arrays with a digest",
    "saved_model": "a graph of TensorFlow may read and write files",
    "TFSMLayer": "a graph of TensorFlow may read and write files",
    "load_library": "it runs the library's code",
    "load_op_library": "it runs the library's code",
    "load_delegate": "it runs the library's code",
    "enable_unsafe_deserialization": "Keras would run code of a model file",
    "deserialize": "Keras makes layers of whatever is written",
    "deserialize_keras_object": "Keras makes layers of whatever is written",
    "model_from_json": "Keras makes layers of whatever is written",
    "Lambda": "a layer of code cannot be built again from weights",
    "extractall": "members of an archive lead where they like",
    "unpack_archive": "members of an archive lead where they like",
}
BUILTINS = {"eval": "it runs text", "exec": "it runs text", "compile": "it runs text", "__import__": "it runs files"}
ARGUMENTS = {
    ("allow_pickle", True): "a pickle is a program",
    ("shell", True): "the product starts no program",
    ("safe_mode", False): "Keras would run code of a model file",
    ("verify", False): "anybody could answer",
}
OURS = {("idla_artifact.model", "load_model")}
ALLOWED = {
    ("operator/idla/cli/kubectl.py", "subprocess"): "the user's own kubectl, by our own arguments",
    (
        "operator/idla/local/child_process.py",
        "ctypes",
    ): "one call of the C library that is there: no other way to ask for it",
    (
        "operator/idla/local/serving.py",
        "subprocess",
    ): "waits for the server beside `idla run --local --serve`",
    (
        "trainer-image/idla_trainer/training/keras_file.py",
        "h5py",
    ): "reads arrays of layers by name and shape, with a digest; nothing is made of what else the file says",
    (
        "trainer-image/idla_trainer/data/formats/picture_files.py",
        "tarfile",
    ): "reads plain members by their place, bounded; no name of theirs is a path, nothing is written",
    (
        "operator/idla/local/child_process.py",
        "subprocess",
    ): "tasks and server of `idla run --local`, by our own arguments",
    ("operator/idla/local/trainer.py", "subprocess"): "asks an interpreter whether it holds the trainer",
}
"""What stands in these files alone, and why it may."""


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` of names and attributes, an empty text for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def said(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Return line, what stands there, and why it may not."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names, lineno=line):
                found = [(alias.name, MODULES.get(alias.name.partition(".")[0])) for alias in names]
            case ast.ImportFrom(module=str(module), names=names, lineno=line):
                found = [(f"{module}.{alias.name}", imported(module, alias.name)) for alias in names]
            case ast.Attribute(attr=attr, lineno=line):
                found = [(dotted(node), ATTRIBUTES.get(dotted(node)) or LAST.get(attr))]
            case ast.Name(id=name, lineno=line):
                found = [(name, BUILTINS.get(name))]
            case ast.keyword(arg=str(arg), value=ast.Constant(value=bool(value)), lineno=line):
                found = [(f"{arg}={value}", ARGUMENTS.get((arg, value)))]
            case _:
                continue
        yield from ((line, what, why) for what, why in found if why is not None)


def imported(module: str, name: str) -> str | None:
    """Return why a name may not be imported from a module."""
    if (module, name) in OURS:
        return None
    short = {"numpy": "np"}.get(module, module)
    return MODULES.get(module.partition(".")[0]) or ATTRIBUTES.get(f"{short}.{name}") or LAST.get(name)


def test_the_product_calls_nothing_that_runs_what_a_file_says() -> None:
    files = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 100
    assert [
        f"{path.relative_to(ROOT)}:{line}: {what}: {why}"
        for path in files
        for line, what, why in said(ast.parse(path.read_text(encoding="utf-8")))
        if (str(path.relative_to(ROOT)), what) not in ALLOWED
    ] == []


def test_what_is_allowed_is_there() -> None:
    for file, what in ALLOWED:
        assert what in [found for _, found, _ in said(ast.parse((ROOT / file).read_text(encoding="utf-8")))]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import pickle", "pickle"),
        ("import os, pickle as p", "pickle"),
        ("from pickle import loads", "pickle.loads"),
        ("import numpy as np\nnp.load(path)", "np.load"),
        ("from numpy import load", "numpy.load"),
        ("np.savez(file, allow_pickle=True)", "allow_pickle=True"),
        ("import keras\nkeras.models.load_model(path)", "keras.models.load_model"),
        ("from keras.saving import load_model", "keras.saving.load_model"),
        ("load = keras.saving.load_model", "keras.saving.load_model"),
        ("model.load_weights(path)", "model.load_weights"),
        ("tf.saved_model.load(path)", "tf.saved_model"),
        ("keras.layers.TFSMLayer(path)", "keras.layers.TFSMLayer"),
        ("keras.layers.Lambda(f)", "keras.layers.Lambda"),
        ("with tarfile.open(path) as archive: archive.extractall()", "archive.extractall"),
        ("eval(text)", "eval"),
        ("list(map(eval, texts))", "eval"),
        ("run(words, shell=True)", "shell=True"),
        ("yaml.load(text)", "yaml.load"),
    ],
)
def test_what_would_run_a_file_is_seen(text: str, what: str) -> None:
    assert what in [found for _, found, _ in said(ast.parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        "from idla_artifact.model import load_model",
        "json.load(file)",
        "np.savez(f, allow_pickle=False)",
        "re.compile('x')",
    ],
)
def test_what_runs_nothing_is_let_be(text: str) -> None:
    assert list(said(ast.parse(text))) == []
