"""Decision trees as arrays, read from what XGBoost writes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

_LEAF = -1


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Trees whose nodes stand in one row, each tree's from its root on."""

    roots: npt.NDArray[np.int32]
    """Places of the roots [trees]."""
    columns: npt.NDArray[np.int32]
    """Which number a node looks at [nodes]."""
    thresholds: npt.NDArray[np.float32]
    """A smaller number goes to the left, any other one to the right [nodes]; infinite at a leaf."""
    left: npt.NDArray[np.int32]
    """Place of the child on the left [nodes], that on the right is the next one; a leaf's is its own."""
    values: npt.NDArray[np.float32]
    """What a leaf says [nodes, outputs]."""
    depth: int
    """Splits from a root to a leaf at most."""

    def count_within(self, nodes: int | None) -> int:
        """Return how many of the first trees have at most so many nodes together; None: any number."""
        if nodes is None:
            return len(self.roots)
        ends = np.append(self.roots[1:], len(self.left))
        return int(np.searchsorted(ends, nodes, side="right"))

    def first(self, count: int) -> Self:
        """Return the first trees alone."""
        if count == len(self.roots):
            return self
        end = int(self.roots[count])
        nodes = (self.columns[:end], self.thresholds[:end], self.left[:end], self.values[:end])
        return type(self)(self.roots[:count], *nodes, self.depth)


def read_trees(model: bytes | bytearray, outputs: int) -> Trees:
    """Return the trees of an XGBoost model.

    Args:
        model: its JSON, as `Booster.save_raw("json")` returns it; its numbers miss none, so no split has a default.
        outputs: numbers that a leaf holds.
    """
    document = json.loads(model)["learner"]["gradient_booster"]["model"]["trees"]
    parts = [_read_tree(tree, outputs) for tree in document]
    starts = np.cumsum([0, *(len(part.left) for part in parts)])[:-1]
    return Trees(
        roots=starts.astype(np.int32),
        columns=np.concatenate([part.columns for part in parts]),
        thresholds=np.concatenate([part.thresholds for part in parts]),
        left=np.concatenate([part.left + start for part, start in zip(parts, starts, strict=True)]).astype(np.int32),
        values=np.concatenate([part.values for part in parts]),
        depth=max(part.depth for part in parts),
    )


def _read_tree(tree: Mapping[str, Any], outputs: int) -> Trees:
    left, right = tree["left_children"], tree["right_children"]
    order, children, depth = _side_by_side(left, right)
    conditions = np.array(tree["split_conditions"], np.float32)[order]
    leaf = np.array(left)[order] == _LEAF
    if outputs > 1:
        # The vectors of the leaves stand apart; the child on the right of a leaf is its place among them.
        vectors = np.array(tree["leaf_weights"], np.float32).reshape(-1, outputs)
        said = vectors[np.where(leaf, np.array(right)[order], 0)]
    else:
        said = conditions[:, None]
    return Trees(
        roots=np.zeros(1, np.int32),
        columns=np.where(leaf, 0, np.array(tree["split_indices"])[order]).astype(np.int32),
        thresholds=np.where(leaf, np.float32(np.inf), conditions),
        left=children,
        values=np.where(leaf[:, None], said, np.float32(0)),
        depth=depth,
    )


def _side_by_side(left: Sequence[int], right: Sequence[int]) -> tuple[list[int], npt.NDArray[np.int32], int]:
    """Return the nodes level by level, in that order the place of each one's first child, and the depth of the tree.

    A leaf is its own first child. Nodes that no split leads to are left out.
    """
    order, level, children, depth = [0], [0], list[int](), 0
    while level:
        below = list[int]()
        for node in level:
            if left[node] == _LEAF:
                children.append(len(children))
            else:
                children.append(len(order) + len(below))
                below += [left[node], right[node]]
        order += below
        depth += bool(below)
        level = below
    return order, np.array(children, np.int32), depth
