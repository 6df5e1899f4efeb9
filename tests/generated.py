"""Small data for every kind of task, the same at every call; needs numpy alone, so pods run this file too."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

WORDS = {
    "spam": ("win", "prize", "free", "cash", "claim", "urgent"),
    "ham": ("meeting", "lunch", "home", "tomorrow", "thanks", "see"),
}
WISHES = {
    "balance": ("balance", "account", "left", "money"),
    "transfer": ("send", "transfer", "friend", "pay"),
    "weather": ("rain", "weather", "sunny", "forecast"),
}
FILLING = ("the", "a", "is", "for", "you", "my", "now", "it")
SENSORS = ("400001", "400017", "400030", "400040")


def write(folder: Path) -> None:
    """Write a file for every kind of task, named and shaped as the samples in `manifests/samples` say."""
    random = np.random.default_rng(0)
    (folder / "intents").mkdir(parents=True, exist_ok=True)
    _write(folder / "messages.tsv", texts(random, WORDS, 400), delimiter="\t")
    for name, count in (("train", 360), ("test", 120)):
        wishes = ((text, label) for label, text in texts(random, WISHES, count))
        _write(folder / f"intents/{name}.csv", wishes, header=("text", "category"))
    _write(folder / "tumours.csv", _tumours(random, 400))
    _write(folder / "houses.csv", _houses(random, 400), header=("area", "district", "price"))
    _write(folder / "speeds.csv", _speeds(random, 600), header=SENSORS)
    _write(folder / "ratings.csv", ratings(), header=("userId", "movieId", "rating", "timestamp"))


def _write(path: Path, rows: Iterable[Sequence[object]], *, header: Sequence[str] = (), delimiter: str = ",") -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerows([header, *rows] if header else rows)


def texts(random: np.random.Generator, words: Mapping[str, Sequence[str]], count: int) -> Iterable[tuple[str, str]]:
    """Yield labels and texts that two words of the label's own give away."""
    for number in range(count):
        label = list(words)[number % len(words)]
        text = [*random.choice(words[label], 2, replace=False), *random.choice(FILLING, 3)]
        yield label, f"{' '.join(random.permutation(text))} {number}"


def _tumours(random: np.random.Generator, count: int) -> Iterable[list[object]]:
    """Yield nine marks from 1 to 10, high where the class is 4 and low where it is 2, some of them unknown."""
    for number in range(count):
        malignant = number % 3 == 0
        marks = np.clip(random.normal(7 if malignant else 3, 2, 9).round(), 1, 10).astype(int).tolist()
        yield [*("?" if random.random() < 0.02 else mark for mark in marks), 4 if malignant else 2]


def _houses(random: np.random.Generator, count: int) -> Iterable[tuple[object, ...]]:
    """Yield an area, a district and a price of 2 for each unit of area, 100 more by the lake."""
    for _ in range(count):
        area, district = round(random.uniform(40, 200), 1), str(random.choice(["lake", "station"]))
        yield area, district, round(2 * area + 100 * (district == "lake") + random.normal(0, 5), 1)


def _speeds(random: np.random.Generator, count: int) -> Iterable[list[str]]:
    """Yield the speeds of four roads that slow down together every two hours."""
    for row in range(count):
        slow = 10 * np.sin(2 * np.pi * row / 24)
        yield [f"{60 + 2 * sensor + slow + random.normal(0, 1):.2f}" for sensor in range(len(SENSORS))]


def ratings() -> Iterable[tuple[int, int, int, int]]:
    """Yield user, film, rating and time of 30 users, who meet 20 of 40 films each.

    Most films of an even user are even, those of an odd one odd. All think well of
    the films under 20. A user's films come in the order of their times.
    """
    random = np.random.default_rng(1)
    for user in range(30):
        same = [film for film in range(40) if film % 2 == user % 2]
        others = [film for film in range(40) if film % 2 != user % 2]
        seen = [*random.choice(same, 15, replace=False), *random.choice(others, 5, replace=False)]
        for time, film in enumerate(random.permutation(seen).tolist()):
            yield user, film, 5 if film < 20 else 2, 1_000_000_000 + 60 * time
