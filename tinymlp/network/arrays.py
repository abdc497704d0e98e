"""Arrays of any maker, as NumPy's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import refuse_masks

__all__ = ["as_array"]


def as_array(values: Any, name: str = "an array") -> NDArray:
    """A tensor on whatever device, an array of any library, or a list, as a NumPy array of numbers that NumPy has.

    bfloat16, and other small floats that NumPy lacks, become float32, which holds each of them exactly. Whatever is
    made of the numbers is not copied if it need not be.

    Raises
    ------
    ValueError
        If it is masked, ragged, quantised, or bytes whose meaning was lost.
    """
    refuse_masks(name, values)
    if "qint" in str(getattr(values, "dtype", "")) or getattr(values, "is_quantized", False):
        raise ValueError("the weights are quantised (qint8): give the model as it was before, with float weights")
    if hasattr(values, "detach"):  # torch.Tensor
        values = values.detach().cpu()
        if any(name in str(getattr(values, "dtype", "")) for name in ("bfloat16", "float8")):
            values = values.float()
    try:
        array = np.asarray(values.numpy() if hasattr(values, "numpy") else values)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    if array.dtype.kind == "V":  # a type that another package gave to NumPy
        if array.dtype.names or array.dtype.name.startswith("void"):
            raise ValueError(
                f"an array has dtype {array.dtype.str}, which does not say what its bytes mean: if they are bfloat16, "
                "give array.view(ml_dtypes.bfloat16)"
            )
        array = array.astype(np.float32)
    return array
