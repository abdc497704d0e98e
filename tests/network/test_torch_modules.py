"""PyTorch modules and state dicts, by stand-ins with the attributes that the real ones have."""

import numpy as np
import pytest

from tinymlp import MLP

# That the real ones are read alike was seen by hand with torch 2.14: outputs equal to 3e-7 in float32, for every
# activation, batch norms, torch.compile, DataParallel, traces, scripts, and modules that are no chain.


class Tensor:
    """What of torch.Tensor is used."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values


def module(kind, *children, **attributes):
    """An object of a class of that name, with the modules it holds."""
    return type(kind, (), {"_modules": dict(enumerate(children)), **attributes})()


def linear(rng, inputs, outputs, bias=True):
    weight, b = rng.normal(size=(outputs, inputs)).astype(np.float32), rng.normal(size=outputs).astype(np.float32)
    return module("Linear", weight=Tensor(weight), bias=Tensor(b) if bias else None)


def test_from_torch_module():
    """Catches: a transposed weight, a lost bias or slope, nested modules out of order."""
    rng = np.random.default_rng(0)
    a, b, c = linear(rng, 3, 4), linear(rng, 4, 5, bias=False), linear(rng, 5, 2)
    leaky = module("LeakyReLU", negative_slope=0.2)
    inner = module("Sequential", leaky, module("Dropout"), b, leaky)
    net = MLP.from_torch(module("Model", module("Flatten"), a, inner, c))
    assert (net.sizes, net.negative_slope, net.dtype) == ((3, 4, 5, 2), 0.2, np.float32)
    assert (net.weights[1] == b.weight.values).all()
    assert (net.biases[1] == 0).all()
    assert (net.biases[2] == c.bias.values).all()
    relu = module("ReLU")
    assert MLP.from_torch(module("Sequential", a, relu, linear(rng, 4, 1))).negative_slope == 0


def test_from_torch_state_dict():
    """Catches: pairs of weight and bias mixed up; a state dict that holds more than such pairs read all the same."""
    rng = np.random.default_rng(1)
    W, b = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], [rng.normal(size=4), rng.normal(size=2)]
    state = {"f.weight": Tensor(W[0]), "f.bias": Tensor(b[0]), "g.weight": W[1], "g.bias": b[1]}
    net = MLP.from_torch(state, negative_slope=0.01)
    assert net.negative_slope == 0.01
    assert [(w == v).all() for w, v in zip(net.weights + net.biases, W + b, strict=True)] == [True] * 4
    with pytest.raises(ValueError, match="running_mean"):
        MLP.from_torch({**state, "n.running_mean": np.zeros(3)})
    with pytest.raises(ValueError, match="pairs of"):
        MLP.from_torch({})
    with pytest.raises(ValueError, match=r"checkpoint: its weights are in source\['model'\]\['net'\], give that"):
        MLP.from_torch({"epoch": 3, "model": {"net": state}, "optimizer": {"state": {}}})
    with pytest.raises(ValueError, match="quantised"):
        MLP.from_torch({"0._packed_params.dtype": 3})


def test_from_torch_refuses_what_is_no_such_network():
    """Catches: an activation or layer that is silently left out."""
    rng = np.random.default_rng(2)
    a, b, c, relu = linear(rng, 1, 3), linear(rng, 3, 3), linear(rng, 3, 1), module("ReLU")
    for parts, match in [
        ((a, b), "no activation module stands between Linear 0 and 1.*state_dict"),
        ((a, module("Tanh"), b), "after 1 Linear layers"),
        ((a, module("GELU"), c), r"holds 1 \(GELU\) after 1 Linear layers: .* no segments: train one with ReLU"),
        ((a, module("Sigmoid"), c), "Sigmoid.* not made of straight pieces"),
        ((module("Identity"),), "source has no Linear layer"),
        ((relu,), "source has no Linear layer"),
        ((a, relu, module("Conv2d", weight=Tensor(np.ones((2, 2, 3, 3))))), r"Conv2d\) after 1 .* give Linear"),
        ((a, relu, module("Linear", weight=lambda: 0, bias=None)), r"2 \(Linear\) .* quantised \(qint8\)"),
        ((module("LinearPackedParams"),), "quantised"),
    ]:
        with pytest.raises(ValueError, match=match):
            MLP.from_torch(module("Sequential", *parts))
    with pytest.raises(ValueError, match="must be one"):
        MLP.from_torch(module("Sequential", a, relu, c), negative_slope=0.5)
    with pytest.raises(ValueError, match="source is a int"):
        MLP.from_torch(3)


def evaluate(module, x):
    """What the stand-ins compute one after the other, (n, inputs) to (n, outputs), by PyTorch's documentation."""
    for child in module._modules.values():
        kind = type(child).__name__
        if kind == "Linear":
            x = x @ child.weight.values.T.astype(float) + (0 if child.bias is None else child.bias.values)
        elif kind == "ReLU":
            x = np.where(x > 0, x, 0)
        elif kind == "LeakyReLU":
            x = np.where(x > 0, x, child.negative_slope * x)
        elif kind == "PReLU":
            x = np.where(x > 0, x, child.weight.values * x)
        elif kind == "ReLU6":
            x = np.minimum(np.maximum(x, 0), 6)
        elif kind == "Hardtanh":
            x = np.minimum(np.maximum(x, child.min_val), child.max_val)
        elif kind == "BatchNorm1d":
            x = (x - child.running_mean.values) / np.sqrt(child.running_var.values + child.eps)
            x = x * child.weight.values + child.bias.values
        else:
            raise AssertionError(kind)
    return x


def leaky(slope):
    return module("LeakyReLU", negative_slope=slope)


RELU = module("ReLU")
PRELU = module("PReLU", weight=Tensor([0.1, 0.0, -0.7, 1.3]))
HARD = module("Hardtanh", min_val=-0.5, max_val=1.0)
NORM = module(
    "BatchNorm1d",
    running_mean=Tensor([0.1, 0.2, 0.3, -1.0]),
    running_var=Tensor([1.0, 2.0, 0.5, 0.1]),
    weight=Tensor([1.0, -1.0, 2.0, 0.5]),
    bias=Tensor([0.0, 1.0, 0.0, 0.3]),
    eps=1e-5,
)


@pytest.mark.parametrize(
    ("between", "end"),
    [
        ([[PRELU]], []),
        ([[leaky(-1.0)], [leaky(2.0)]], []),
        ([[RELU], [leaky(0.1)]], []),
        ([[module("ReLU6")]], [RELU]),
        ([[HARD], [RELU]], [HARD]),
        ([[RELU, RELU]], [leaky(0.3)]),
        ([[NORM, RELU]], []),
        ([[RELU, NORM]], [NORM]),
    ],
)
def test_activations_against_their_documentation(between, end):
    """Catches: a term with the wrong sign or threshold, a slope of another unit, a constant lost, a norm after ReLU."""
    rng = np.random.default_rng(4)
    parts = [linear(rng, 2, 4)]
    for activations in between:
        parts += [*activations, linear(rng, 4, 4)]
    source = module("Sequential", *parts, *end)
    x = rng.normal(size=(200, 2)) * 3
    net = MLP.from_torch(source)
    assert net(x) == pytest.approx(evaluate(source, x), rel=1e-5 if net.dtype == np.float32 else 1e-12, abs=1e-5)


def test_hidden_units_keep_their_numbers():
    """Catches: an owner (layer, unit) that is another unit than in the source."""
    rng = np.random.default_rng(5)
    a, c = linear(rng, 1, 4), linear(rng, 4, 1)
    net = MLP.from_torch(module("Sequential", a, PRELU, c))
    assert (net.weights[0][:4] == a.weight.values).all()
    assert net.sizes == (1, 7, 1)  # one slope is 0: that unit needs no second one


class Callable:
    """A stand-in that can be called, as modules can."""

    training = True

    def __init__(self, forward, *children):
        self.forward, self._modules = forward, dict(enumerate(children))

    def modules(self):
        return [self]

    def eval(self):
        self.training = False

    def __call__(self, x):
        assert not self.training
        return self.forward(x)


class Weight(Tensor):
    """A tensor that makes others of its kind."""

    dtype = "torch.float32"

    def new_tensor(self, x):
        return np.asarray(x)


def test_values_are_compared():
    """Catches: a skip connection, two heads or another activation loaded as a plain chain; a module left in eval()."""
    rng = np.random.default_rng(6)
    a, b, c = linear(rng, 2, 4), linear(rng, 4, 4), linear(rng, 4, 1)
    for one in (a, b, c):
        one.weight = Weight(one.weight.values)
    plain = module("Sequential", a, RELU, b, RELU, c)
    good = Callable(lambda x: evaluate(plain, x), a, RELU, b, RELU, c)
    assert MLP.from_torch(good).sizes == (2, 4, 4, 1)
    assert good.training
    bare = Callable(lambda x: evaluate(plain, x), a, b, c)  # forward() applies the ReLUs
    assert MLP.from_torch(bare)(np.ones((1, 2))) == pytest.approx(evaluate(plain, np.ones((1, 2))), rel=1e-5)

    def skip(x):
        h = evaluate(module("S", a, RELU), x)
        return evaluate(module("S", c), h + evaluate(module("S", b, RELU), h))

    for forward, match in [
        (skip, "skip connection.*MLP.from_onnx"),
        (lambda x: np.tanh(evaluate(plain, x)), "other values"),
        (lambda x: (evaluate(plain, x), x), "2 outputs.*from_onnx"),
    ]:
        for parts in ((a, RELU, b, RELU, c), (a, b, c)):
            with pytest.raises(ValueError, match=match):
                MLP.from_torch(Callable(forward, *parts))
    with pytest.warns(UserWarning, match="could not be called.*check="):
        MLP.from_torch(Callable(lambda x: x.reshape(-1, 3, 7), a, RELU, c))


def test_values_are_compared_far_out():
    """Catches: a forward() that cuts ReLUs off where inputs of size 1 never come; a small row beside large ones."""
    rng = np.random.default_rng(11)
    a, b = linear(rng, 2, 4), linear(rng, 4, 1)
    a.weight, b.weight = Weight(a.weight.values), Weight(b.weight.values)

    def forward(most):
        return lambda x: evaluate(module("S", b), np.minimum(evaluate(module("S", a, RELU), x), most))

    assert MLP.from_torch(Callable(forward(np.inf), a, b)).sizes == (2, 4, 1)
    for most in (6.0, 100.0, 1e5):
        with pytest.raises(ValueError, match="other values"):
            MLP.from_torch(Callable(forward(most), a, b))
    with pytest.raises(ValueError, match="other values"):
        MLP.from_torch(Callable(lambda x: forward(np.inf)(x) + 0.1, a, b))


def test_parametrised_and_frozen():
    """Catches: weight norm's own parameters taken for layers; a trace without the eps of its norm; frozen modules."""
    rng = np.random.default_rng(12)
    a, c = linear(rng, 2, 3), linear(rng, 3, 1)
    normed = module("ParametrizedLinear", weight=a.weight, bias=a.bias)
    normed._modules = {"parametrizations": module("ModuleDict", module("ParametrizationList", module("_WeightNorm")))}
    net = MLP.from_torch(module("Sequential", normed, RELU, c))
    assert (net.params == MLP.from_torch(module("Sequential", a, RELU, c)).params).all()
    lost = module(
        "RecursiveScriptModule", original_name="BatchNorm1d", running_mean=np.zeros(3), running_var=np.ones(3)
    )
    with pytest.raises(ValueError, match="trace has lost its eps"):
        MLP.from_torch(module("Sequential", a, lost, RELU, c))
    with pytest.raises(ValueError, match=r"Unflatten.*: give Linear"):
        MLP.from_torch(module("Sequential", module("Unflatten"), a, RELU, c))
    frozen = module("RecursiveScriptModule", modules=lambda self: [self])
    with pytest.raises(ValueError, match="give Linear"):
        MLP.from_torch(frozen)


def test_last_activation_is_left_out_with_a_warning():
    """Catches: probabilities promised, scores given."""
    rng = np.random.default_rng(7)
    a, c = linear(rng, 2, 3), linear(rng, 3, 3)
    with pytest.warns(UserWarning, match="those before Softmax: the greatest is the class"):
        net = MLP.from_torch(module("Sequential", a, RELU, c, module("Softmax")))
    assert (net.params == MLP.from_torch(module("Sequential", a, RELU, c)).params).all()


def test_wrapped_modules():
    """Catches: torch.compile and DataParallel refused; a trace whose slope is lost taken for 0.01 or ReLU."""
    rng = np.random.default_rng(8)
    a, c = linear(rng, 2, 3), linear(rng, 3, 1)
    inner = module("Sequential", a, leaky(0.3), c)
    compiled, parallel = module("OptimizedModule"), module("DataParallel")
    compiled._modules, parallel._modules = {"_orig_mod": inner}, {"module": compiled}
    assert MLP.from_torch(parallel).negative_slope == 0.3
    trace = module("RecursiveScriptModule", original_name="LeakyReLU")
    traced = module("TopLevelTracedModule", a, trace, c)
    with pytest.raises(ValueError, match="trace has lost the slope"):
        MLP.from_torch(traced)
    assert MLP.from_torch(traced, negative_slope=0.3).negative_slope == 0.3


def deep_state(rng, last="out"):
    state = {}
    for k in range(1, 12):
        state[f"fc{k}.weight"] = rng.normal(size=(8, 1 if k == 1 else 8))
        state[f"fc{k}.bias"] = rng.normal(size=8)
    return {**state, f"{last}.weight": rng.normal(size=(1, 8)), f"{last}.bias": rng.normal(size=1)}


def test_names_sorted_as_text():
    """Catches: fc10 before fc2 without a word; "hidden" before "input"; an order of one's own changed."""
    rng = np.random.default_rng(9)
    state = deep_state(rng)
    right, x = MLP.from_torch(state), np.linspace(-3, 3, 101)
    with pytest.warns(UserWarning, match="taken as fc1, fc2, .*fc11, out; give check"):
        net = MLP.from_torch({name: state[name] for name in sorted(state)})
    assert (net.params == right.params).all()
    with pytest.raises(ValueError, match="check: for x = "), pytest.warns(UserWarning, match="sorted as text"):
        MLP.from_torch({k: state[k] for k in sorted(state)}, check=(x[:1], right(x[:1]) + 1))
    named = {"input": (5, 2), "hidden": (6, 5), "output": (3, 6)}
    state = {
        f"{k}.{n}": rng.normal(size=s if n == "weight" else s[:1]) for k, s in named.items() for n in ("bias", "weight")
    }
    assert MLP.from_torch({name: state[name] for name in sorted(state)}).sizes == (2, 5, 6, 3)
    backwards = {"b.weight": np.ones((3, 1)), "b.bias": np.zeros(3), "a.weight": np.ones((1, 3)), "a.bias": np.zeros(1)}
    assert MLP.from_torch(backwards).sizes == (1, 3, 1)


@pytest.mark.parametrize("names", [("hidden", "input", "out"), tuple("abcdefg")])
def test_orders_that_nobody_can_see(names):
    """Catches: layers without biases, or of very many names, in the order of text without a word."""
    rng = np.random.default_rng(13)
    for kinds in (["weight"], ["bias", "weight"]):
        state = {f"{n}.{kind}": rng.normal(size=(4, 4) if kind == "weight" else 4) for n in names for kind in kinds}
        with pytest.warns(UserWarning, match="give check"):
            MLP.from_torch(state)
    chosen = MLP.from_torch(state, prefix=names[::-1])  # an order that somebody gave is kept
    assert (chosen.weights[0] == state[f"{names[-1]}.weight"]).all()


def test_heads():
    """Catches: two heads chained; a prefix that chooses nothing."""
    rng = np.random.default_rng(10)
    state = {f"{k}.weight": rng.normal(size=s) for k, s in {"body": (4, 2), "policy": (3, 4), "value": (1, 4)}.items()}
    with pytest.raises(ValueError, match=r"value\.weight \(1, 4\) takes 4 inputs.*prefix="):
        MLP.from_torch(state)
    net = MLP.from_torch(state, prefix=("body.", "value."))
    assert (net.weights[1] == state["value.weight"]).all()
    with pytest.raises(ValueError, match="no name begins with 'head'"):
        MLP.from_torch(state, prefix="head")
