"""The network: a multi-layer perceptron, its parameters and what it computes.

A layer maps the activations a of the layer before it to z = W a + b. All layers but the last apply the (leaky) ReLU to
that: a' = max(z, negative_slope * z). That is the whole model; ``MLP.__call__`` is these lines.

Every parameter of a network lies in one flat vector, ``net.params``. Layer l owns a stretch of it, seen as the matrix
[W | b] of shape (out, in + 1), so that one product with activations that carry a row of ones is the affine map.
``net.layers``, ``net.weights`` and ``net.biases`` are views: change one and you change the network.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import devices
from ..arguments import check_array, check_dtype, check_flag, check_number, generator
from ..system.memory import check_memory
from . import keras_models, nnet_files, npz_files, onnx_files, sklearn_models, text, torch_modules
from .arrays import as_array
from .checks import check_pairs
from .parameters import check_sizes, count_parameters, layer_views, pack

if TYPE_CHECKING:
    from .line import Line

__all__ = ["MLP"]


class MLP:
    """A multi-layer perceptron with (leaky) ReLU between its layers and none after the last.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, the width of each hidden layer, outputs: [1, 10, 10, 10, 1] has three hidden layers.
    negative_slope : float
        The slope of a hidden unit that is off, in [0, 1]; 0 is ReLU, 0.01 the usual leaky ReLU.
    dropout : float
        The chance, in [0, 1), that a hidden unit counts as 0 for a sample. In training only.
    seed : int or Generator
        Weights and biases of a layer are drawn from U(-1/sqrt(in), 1/sqrt(in)), as PyTorch's ``nn.Linear`` does,
        by ``np.random.default_rng(seed)``, layer by layer.
    dtype : float dtype
        That of the parameters, and of all that is computed from them in training.
    device : "cpu", "gpu" or "auto"
        Where the parameters are, and where training computes: NumPy arrays, or CuPy arrays on a GPU. "auto" is the GPU
        if there is one. Weights are drawn on the CPU, so that every device begins alike.

    Attributes
    ----------
    params : array, (P,)
    layers : list of array, (out, in + 1)
        [W | b] of each layer, views of ``params``, as are `weights`, each (out, in), and `biases`, each (out,).
    ties : array, (4, hidden units), or None
        Of a network whose activations were rewritten as ReLUs, such as one that was read from PyTorch with PReLU: for
        each hidden unit, layer by layer, the unit of the original that it stands for, its sign, threshold and gain
        (``activations.py``). `train` keeps to them; `save` and `to_json` write them, other formats do not. (4, 0) if
        that is not all that was added, as for skip connections or a ReLU after the last layer; then `train` warns.

    Raises
    ------
    ValueError
        If sizes are not positive integers or need more memory than there is, or if a slope, dropout, dtype or device
        is out of range.
    RuntimeError
        If device is "gpu" and there is none, or no CuPy; it says what to install.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        negative_slope: float = 0.0,
        dropout: float = 0.0,
        seed: int | np.random.Generator = 0,
        dtype: DTypeLike = np.float32,
        device: str = "cpu",
    ):
        sizes = check_sizes(sizes)
        dtype = check_dtype("dtype", dtype)
        rng = generator("seed", seed)
        count = count_parameters(sizes)
        largest = max(count_parameters(pair) for pair in pairwise(sizes))  # a layer is drawn in float64
        check_memory("sizes", list(sizes), dtype.itemsize * count + 8 * largest)
        params = np.empty(count, dtype)
        for layer, inputs in zip(layer_views(params, sizes), sizes, strict=False):
            layer[...] = rng.uniform(-1 / np.sqrt(inputs), 1 / np.sqrt(inputs), layer.shape)
        self._set(sizes, devices.move(params, device), negative_slope, dropout)

    def _set(self, sizes: tuple[int, ...], params: NDArray, negative_slope: float, dropout: float) -> "MLP":
        self.negative_slope = check_number(
            "negative_slope", negative_slope, lambda v: 0 <= v <= 1, "a number in [0, 1]"
        )
        self.dropout = check_number("dropout", dropout, lambda v: 0 <= v < 1, "a number in [0, 1)")
        self.sizes, self._params = sizes, params
        self.ties: NDArray | None = None
        self.layers = layer_views(params, sizes)
        return self

    def __reduce__(self) -> tuple:
        """Pickle the parameters alone, and make new views of them; pickled views would be copies."""
        make = partial(MLP.from_params, negative_slope=self.negative_slope, dropout=self.dropout, ties=self.ties)
        return make, (self.sizes, self.params)

    @property
    def params(self) -> NDArray:
        """Every parameter, (P,). Assigning to it copies into it, so that the views stay views."""
        return self._params

    @params.setter
    def params(self, values: ArrayLike) -> None:
        devices.fill(self._params, check_array("params", values))

    @classmethod
    def from_params(
        cls,
        sizes: Sequence[int],
        params: NDArray,
        *,
        negative_slope: float = 0.0,
        dropout: float = 0.0,
        ties: ArrayLike | None = None,
    ) -> "MLP":
        """The network whose parameters are this flat vector (P,) itself, not a copy of it."""
        sizes = check_sizes(sizes)
        count = count_parameters(sizes)
        if not hasattr(params, "shape") or not hasattr(params, "dtype"):
            raise TypeError(f"params is {params!r}: give an array of {count} floats, such as a snapshot")
        check_array("params", params)
        if params.shape != (count,) or params.dtype.kind != "f":
            raise ValueError(f"params is {params.shape} {params.dtype}: sizes {list(sizes)} need ({count},) floats")
        net = cls.__new__(cls)._set(sizes, params, negative_slope, dropout)
        if ties is not None:
            net.ties = np.array(ties, np.float64)
            if net.ties.shape not in ((4, 0), (4, sum(sizes[1:-1]))):
                raise ValueError(
                    f"ties has shape {net.ties.shape}: give (4, {sum(sizes[1:-1])}), one for each hidden unit"
                )
        return net

    @classmethod
    def from_weights(
        cls,
        weights: Sequence[Any],
        biases: Sequence[Any] | None = None,
        *,
        negative_slope: float = 0.0,
        transpose: bool = False,
        check: Any = None,
    ) -> "MLP":
        """A network from weights you have: one (out, in) matrix and one (out,) bias for each layer.

        Their float dtype is kept (integers become float64, bfloat16 becomes float32).

        Parameters
        ----------
        weights, biases : sequence of array_like
            Arrays of any library. Or, without ``biases``, pairs (W, b). A bias None is 0.
        negative_slope : float
            Of all activations; 0 is ReLU.
        transpose : bool
            The matrices are (in, out), as flax, Keras and scikit-learn have them.
        check : (x, y), optional
            An input and what the network gives there, to a thousandth. Whether square matrices are (out, in) cannot be
            told otherwise.

        Raises
        ------
        ValueError
            If there is not a bias for each matrix, their shapes do not fit each other (the message names the layer), or
            the network does not give what ``check`` says.
        """
        if biases is None:
            try:
                weights, biases = zip(*((W, b) for W, b in weights), strict=True)
            except (TypeError, ValueError) as error:
                raise ValueError("biases are not given, and weights are no pairs (W, b): give both lists") from error
        W = [as_array(w, f"weights[{l}]") for l, w in enumerate(weights)]
        if check_flag("transpose", transpose):
            W = [w.T for w in W]
        if len(W) == len(biases):
            biases = [np.zeros(w.shape[:1], w.dtype) if v is None else v for w, v in zip(W, biases, strict=True)]
        b = [as_array(v, f"biases[{l}]") for l, v in enumerate(biases)]
        return check_pairs(cls.from_params(*pack(W, b), negative_slope=negative_slope), check)

    # files, and networks of others: each is explained where it is read or written
    from_torch = classmethod(torch_modules.from_torch)
    from_safetensors = classmethod(text.from_safetensors)
    from_sklearn = classmethod(sklearn_models.from_sklearn)
    from_keras = classmethod(keras_models.from_keras)
    from_onnx = classmethod(onnx_files.from_onnx)
    from_nnet = classmethod(nnet_files.from_nnet)
    from_json = classmethod(text.from_json)
    to_onnx = onnx_files.to_onnx
    save = npz_files.save
    load = classmethod(npz_files.load)
    to_json = text.to_json
    to_torch_state = text.to_torch_state

    def along(self, origin: ArrayLike, direction: ArrayLike) -> "Line":
        """The network of one input t that this one is on the line origin + t * direction, exactly.

        From one point to another, ``net.along(a, b - a)`` is at a for t = 0 and at b for t = 1.

        Parameters
        ----------
        origin, direction : array_like, (inputs,)

        Raises
        ------
        ValueError
            If their shapes do not fit, a number is not finite, or the direction is zero.
        """
        from .line import Line  # which stands on this module

        return Line(self, origin, direction)  # type: ignore[arg-type]  # it makes arrays of them

    @property
    def weights(self) -> list[NDArray]:
        """W of each layer, (out, in)."""
        return [layer[:, :-1] for layer in self.layers]

    @property
    def biases(self) -> list[NDArray]:
        """b of each layer, (out,)."""
        return [layer[:, -1] for layer in self.layers]

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params.dtype

    @property
    def device(self) -> str:
        """Where the parameters are, "cpu" or "gpu"."""
        return devices.device_of(self.params)

    def __call__(self, x: ArrayLike) -> NDArray:
        """The network's output.

        Parameters
        ----------
        x : array_like, (n, inputs); with one input also (n,) or a number
            Real numbers, rounded to the network's dtype; what it does not hold is infinite.

        Returns
        -------
        array, (n, outputs); with one input and one output the shape of x
            On the device of the network.
        """
        xp = devices.array_module(self.device)
        with np.errstate(over="ignore"):
            values = xp.asarray(check_array("x", x), self.dtype)
        a = values.reshape(1, -1) if self.sizes[0] == 1 and values.ndim < 2 else values.T  # (inputs, n)
        if a.ndim != 2 or len(a) != self.sizes[0]:
            natural = ", or (n,)" if self.sizes[0] == 1 else ""
            raise ValueError(f"x has shape {values.shape}: give (n, {self.sizes[0]}){natural}")
        *hidden, (W_out, b_out) = zip(self.weights, self.biases, strict=True)
        with np.errstate(over="ignore", invalid="ignore"):  # infinities are answers, too
            for W, b in hidden:
                z = W @ a + b[:, None]  # (units, n)
                a = xp.maximum(z, self.negative_slope * z if self.negative_slope else 0)
            z = W_out @ a + b_out[:, None]
        return z.reshape(values.shape) if values.ndim < 2 and self.sizes[-1] == 1 else z.T

    def copy(self) -> "MLP":
        """An equal network with parameters of its own."""
        return self._on(self.params.copy())

    def with_params(self, params: NDArray) -> "MLP":
        """A network of the same sizes and settings with a copy of these parameters (P,), such as a snapshot's."""
        return self._on(params).copy()

    def _on(self, params: NDArray) -> "MLP":
        """The same on these very parameters."""
        slope, dropout = self.negative_slope, self.dropout
        return MLP.from_params(self.sizes, params, negative_slope=slope, dropout=dropout, ties=self.ties)

    def astype(self, dtype: DTypeLike) -> "MLP":
        """A copy whose parameters are rounded to another float dtype; ValueError if it cannot hold one of them."""
        with np.errstate(over="ignore"):
            params = self.params.astype(check_dtype("dtype", dtype))
        xp = devices.array_module(self.device)
        if not (xp.isfinite(params) | ~xp.isfinite(self.params)).all():
            raise ValueError(f"the network has parameters too large for {params.dtype}: choose a wider dtype")
        return self._on(params)

    def to(self, device: str) -> "MLP":
        """This network on "cpu", "gpu" or, with "auto", the GPU if there is one: itself if it is there, else a copy.

        Raises
        ------
        ValueError, RuntimeError
            If there is no such device, or it is not there; as for `MLP`.
        """
        params = devices.move(self.params, device)
        return self if params is self.params else self._on(params)

    def __repr__(self) -> str:
        where = "" if self.device == "cpu" else ", device='gpu'"
        return f"MLP({list(self.sizes)}, negative_slope={self.negative_slope}, dtype={self.dtype}{where})"
