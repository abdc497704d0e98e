"""A network in a file of its own, in NumPy's npz format."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..system.files import writing

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["load", "save"]


def save(net: "MLP", path: str | Path) -> None:
    """Write the network to this very path, in NumPy's npz format: all of it, or the file stays as it was."""
    ties: dict[str, Any] = {} if net.ties is None else {"ties": net.ties}
    with writing(path) as file:
        np.savez(
            file,
            sizes=net.sizes,
            params=net.to("cpu").params,
            negative_slope=net.negative_slope,
            dropout=net.dropout,
            **ties,
        )


def load(cls: type["MLP"], path: str | Path) -> "MLP":
    """Read a network that `save` wrote; ValueError if the file is something else."""
    with open(path, "rb") as raw:
        try:
            with np.load(raw, allow_pickle=False) as file:
                state = {key: file[key] for key in ("sizes", "params", "negative_slope", "dropout")}
                ties = file.get("ties")
            settings = {key: float(state[key]) for key in ("negative_slope", "dropout")}
            return cls.from_params(state["sizes"].tolist(), state["params"], **settings, ties=ties)
        except Exception as error:  # of broken archives there are many kinds
            raise ValueError(f"{path} is not a network that MLP.save wrote ({type(error).__name__})") from error
