"""The fused training kernel against NumPy in float64, and which build of it a GPU takes."""

import numpy as np
import pytest
from support import strict_cupy

from tinymlp import MLP, SGD, Adam, Dataset, Ensemble, Moments, TrainingDiverged, sample, train
from tinymlp.gpu import train_kernel
from tinymlp.network.parameters import count_parameters, layer_views
from tinymlp.training import fused
from tinymlp.training.backprop import Memory, backward, forward

KIB = 1024


HIDDEN = [[1], [7], [10, 10], [12, 9, 12], [10, 10, 10], [20, 20, 20], [30, 30], [30, 17, 32], [47, 3], [5, 6, 7, 8]]


HIDDEN += [[64, 64, 64]]


def fresh_data(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    return Dataset(x, np.sin(3 * x) + 0.1 * rng.normal(size=n))


def ensembles(hidden, slope, seeds=(1, 2)):
    """The same networks on the GPU and in float64."""
    one = Ensemble([1, *hidden, 1], seeds, negative_slope=slope)
    other = Ensemble([1, *hidden, 1], seeds, negative_slope=slope, dtype=np.float64)
    other.params = one.params
    return one.to("gpu"), other


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
def test_gradients(cupy, hidden, slope):
    """Catches: a wrong product, tile, mask, padding or sum. After one step from nothing, M is the gradient."""
    on_gpu, host = ensembles(hidden, slope)
    data, adam = fresh_data(300, seed=len(hidden)), Adam(0.01)
    history = train(on_gpu, data, 1, batch_size=300, optimizer=adam, fused=True)
    M, V = adam._sums.get()
    x, y = data.columns(np.float32)
    for k, net in enumerate(host.nets):
        memory, grad = Memory(net, 300), np.zeros(net.params.shape)
        forward(net, x, memory)
        loss = backward(net, y, memory, layer_views(grad, net.sizes))
        assert history.losses[0, k] == pytest.approx(loss, rel=1e-5)
        assert np.linalg.norm(M[k] - grad) < 1e-5 * np.linalg.norm(grad)
        assert np.linalg.norm(V[k] - grad**2) < 1e-5 * np.linalg.norm(grad**2)
    assert np.isfinite(on_gpu.params.get()).all()


@pytest.mark.parametrize("shared", [20 * KIB, 36 * KIB, 64 * KIB, 227 * KIB], ids=lambda b: f"{b // KIB}KiB")
def test_little_shared_memory(cupy, monkeypatch, shared):
    """Catches: a chunk size, or Adam's sums outside of shared memory, that only some GPUs would use."""
    monkeypatch.setattr(train_kernel, "shared_memory", lambda: shared)
    for hidden in ([10, 10, 10], [30, 30]):
        if train_kernel.configuration(hidden, shared):
            test_gradients(cupy, hidden, 0.1)
            check_steps(hidden, 0.0, True, epochs=3)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("hidden", "slope"), [([9], 0.0), ([10, 10, 10], 0.0), ([10, 10, 10], 0.01), ([30, 30], 0.0)])
def test_fifty_steps(cupy, hidden, slope, shuffle):
    """Catches: another Adam, other batches, a network that gets another's order, rate or sums; a short last batch."""
    check_steps(hidden, slope, shuffle, epochs=17)


def check_steps(hidden, slope, shuffle, epochs):
    on_gpu, host = ensembles(hidden, slope, seeds=(3, 4, 5))
    data = fresh_data(333, seed=1)  # batches of 150, 150 and 33
    options = {"batch_size": 150, "shuffle": shuffle, "lr": [0.001, 0.003, 0.01], "seeds": [7, 8, 9]}
    got, want = (train(net, data, epochs, **options) for net in (on_gpu, host))
    single = Ensemble([1, *hidden, 1], (3, 4, 5), negative_slope=slope)
    rounded = np.abs(train(single, data, epochs, **options).losses / want.losses - 1).max()
    assert np.abs(got.losses / want.losses - 1).max() < max(20 * rounded, 1e-5)
    assert np.abs(got.article_losses / want.article_losses - 1).max() < max(20 * rounded, 1e-5)


def test_reruns_have_the_same_digits(cupy):
    """Catches: a sum whose order depends on who comes first."""
    results = []
    for _ in range(2):
        net = Ensemble([1, 10, 10, 1], range(3), device="gpu")
        results.append([train(net, fresh_data(300, 1), 5, batch_size=100, fused=True).losses, net.params.get()])
    for one, other in zip(*results, strict=True):
        assert (one == other).all()
        assert np.isfinite(one).all()


def test_each_learns_what_it_would_learn_alone(cupy):
    """Catches: networks that touch each other's memory; a single network that is another case."""
    together = Ensemble([1, 10, 10, 1], (1, 2, 3), device="gpu")
    options = {"batch_size": 100, "fused": True}
    history = train(together, fresh_data(300, 1), 5, lr=[0.01, 0.02, 0.03], seeds=[4, 5, 6], **options)
    for k in range(3):
        alone = MLP([1, 10, 10, 1], seed=k + 1, device="gpu")
        losses = train(alone, fresh_data(300, 1), 5, lr=0.01 * (k + 1), seed=k + 4, **options).losses
        assert (losses == history.losses[:, k]).all()
        assert (alone.params.get() == together[k].params.get()).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_in_parts(cupy, monkeypatch, shuffle):
    """Catches: steps, moments or orders that a new launch begins again; snapshots of another epoch."""
    data, nets, histories = fresh_data(300, 1), [], []
    common = {"batch_size": 100, "shuffle": shuffle, "fused": True}
    for kind in ("whole", "launches", "calls", "callbacks"):
        net, adam = Ensemble([1, 6, 6, 1], range(2), device="gpu"), Adam(0.01, weight_decay=0.01)
        options = common | {"optimizer": adam, "seed": np.random.default_rng(3)}
        if kind == "calls":
            histories.append(train(net, data, 2, **options) + train(net, data, 5, snapshots=[2], **options))
        else:
            monkeypatch.setattr(fused, "LARGEST", 700 if kind == "launches" else 2**26)
            seen = (lambda *_: None) if kind == "callbacks" else None
            histories.append(train(net, data, 7, snapshots=[4], callback=seen, **options))
        nets.append(net.params.get())
    for net, history in zip(nets, histories, strict=True):
        assert (net == nets[0]).all()
        assert (history.losses == histories[0].losses).all()
        assert (history.snapshots[4] == histories[0].snapshots[4]).all()
    shorter = Ensemble([1, 6, 6, 1], range(2), device="gpu")
    train(shorter, data, 4, optimizer=Adam(0.01, weight_decay=0.01), seed=np.random.default_rng(3), **common)
    assert (shorter.params.get() == histories[0].snapshots[4]).all()


def test_weight_decay(cupy):
    """Catches: a decay that is forgotten, or of another parameter."""
    on_gpu, host = ensembles([10, 10], 0.0)
    for net in (on_gpu, host):
        train(
            net,
            fresh_data(200, 1),
            3,
            batch_size=100,
            optimizer=Adam(0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.5),
        )
    assert np.abs(on_gpu.params.get() - host.params).max() < 1e-4


def test_divergence(cupy, monkeypatch):
    """Catches: a NaN that goes unnoticed; a network that is left as it was after it, a snapshot that is."""
    data, common = fresh_data(300, 1), {"batch_size": 100, "fused": True}  # three steps an epoch
    for largest in (2**26, 700):
        monkeypatch.setattr(fused, "LARGEST", largest)
        net, adam = Ensemble([1, 6, 6, 1], range(2), device="gpu"), Adam(0.01)
        monkeypatch.setattr(adam, "begin_steps", poisoned(adam, step=14))  # the last of the fifth epoch
        with pytest.raises(TrainingDiverged, match="of network 0, 1 became NaN or infinite in epoch 5") as stop:
            train(net, data, 20, snapshots=[1, 20], optimizer=adam, **common)
        assert len(stop.value.history) == 4
        assert list(stop.value.history.snapshots) == [1]
        again = Ensemble([1, 6, 6, 1], range(2), device="gpu")
        losses = train(again, data, 4, optimizer=Adam(0.01), **common).losses
        assert (losses == stop.value.history.losses).all()
        assert (again.params.get() == net.params.get()).all()


def poisoned(adam, step):
    """``adam.begin_steps``, with a factor of NaN for one step."""
    begin_steps = adam.begin_steps

    def with_nan(count):
        before = adam.t
        factors = begin_steps(count)
        if 0 <= step - before < count:
            factors[step - before] = (np.nan, factors[step - before][1])
        return factors

    return with_nan


def test_what_does_not_fit(cupy):
    """Catches: a launch that would compute something else; a fused kernel that nobody can do without."""
    data, ones = sample("sine", n=50), np.ones((20, 2))
    plain = MLP([1, 5, 1], device="gpu")
    refused = [
        ("runs on a GPU", MLP([1, 5, 1]), data, None),
        ("computes in float32, and net is float64", MLP([1, 5, 1], dtype=np.float64, device="gpu"), data, None),
        ("one input and one output", MLP([2, 5, 1], device="gpu"), Dataset(ones, ones[:, 0]), None),
        ("one input and one output", MLP([1, 5, 2], device="gpu"), Dataset(ones[:, 0], ones), None),
        ("knows no dropout, and net has 0.1", MLP([1, 5, 1], dropout=0.1, device="gpu"), data, None),
        ("knows Adam, and optimizer is", plain, data, SGD(0.1)),
        ("up to 64 units .* and net is .1, 65, 1.", MLP([1, 65, 1], device="gpu"), data, None),
        ("1 to 4 hidden layers", MLP([1, 5, 5, 5, 5, 5, 1], device="gpu"), data, None),
        ("1 to 4 hidden layers", MLP([1, 1], device="gpu"), data, None),
    ]
    for words, net, some, optimizer in refused:
        before = net.to("cpu").params.copy()
        with pytest.raises(ValueError, match=words):
            train(net, some, 1, optimizer=optimizer, fused=True)
        assert (net.to("cpu").params == before).all()
        assert len(train(net, some, 1, optimizer=optimizer)) == 1
    with pytest.raises(ValueError, match="needs samples: give a Dataset"):
        train(plain, Moments.of(data), 1, fused=True)
    with pytest.raises(ValueError, match="too large for float32"):
        train(plain, Dataset([1e60], [1.0]), 1, fused=True)


def test_it_is_used_where_it_fits(cupy, monkeypatch):
    """Catches: a kernel that is never used unless asked for, or that is used against the wish."""
    launches = []
    launch = train_kernel.train
    monkeypatch.setattr(train_kernel, "train", lambda *args: launches.append(1) or launch(*args))
    net = MLP([1, 5, 1], device="gpu")
    for asked, wanted in ((False, 0), (None, 1), (True, 2)):
        train(net, fresh_data(20, 1), 9, fused=asked)
        assert len(launches) == wanted


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("params", lambda a: a.astype(np.float64)),
        ("sums", lambda a: a[:, :, :3]),
        ("order", lambda a: a.astype(np.int64)),
        ("lr", lambda a: a.astype(np.float32)),
        ("factors", lambda a: a[:1]),
    ],
)
def test_wrong_arrays_are_refused(cupy, name, bad):
    """Catches: a launch that reads past an array, or other bytes."""
    net = Ensemble([1, 5, 1], range(2), device="gpu")
    arrays = {
        "params": net.params,
        "sums": cupy.zeros((2, *net.params.shape), np.float32),
        "x": cupy.zeros(9, np.float32),
        "order": cupy.zeros((1, 1, 9), np.int32),
        "lr": cupy.ones(2, np.float64),
        "factors": cupy.ones(4, np.float64),
    }
    arrays[name] = bad(arrays[name])
    a = arrays
    rates = a["lr"], a["factors"], cupy.ones(4, np.float32)
    config = train_kernel.configuration([5], 64 * KIB)
    with pytest.raises((TypeError, ValueError), match=rf"{name} (is|has)"):
        train_kernel.train(
            config, a["params"], a["sums"], (5,), a["x"], a["x"], a["order"], 2, 5, 0.0, rates, (0.9, 0.9), 0.0
        )


SHARED = {75: 64, 80: 163, 86: 99, 90: 227, 100: 227, 120: 99}  # KiB a block may have, CUDA C++ Programming Guide


def test_losses_and_snapshots_come_back_once(stand_in):
    """Catches: a read every epoch, or every launch. One is for all losses, one for all snapshots."""
    for snapshots, reads in ((None, 1), ([0, 2, 4], 2)):
        before = strict_cupy.reads
        train(Ensemble([1, 5, 1], range(3), device="gpu"), sample("exp", n=300), 6, snapshots=snapshots, fused=True)
        assert strict_cupy.reads - before == reads


@pytest.mark.parametrize("architecture", SHARED)
@pytest.mark.parametrize("layers", train_kernel.LAYERS)
@pytest.mark.parametrize("width", [1, 10, 12, 13, 20, 30, 32, 40, 48, 50, 64])
def test_configurations(architecture, width, layers):
    """Catches: a build that needs more than a GPU has, pads more than needed, or cannot put its gradients together."""
    limit, hidden = SHARED[architecture] * 1024, [width] * layers
    config = train_kernel.configuration(hidden, limit)
    if config is None:
        assert limit < 100 * 1024
        assert width > 32
        return
    count = count_parameters([1, *hidden, 1])
    assert count == Ensemble([1, *hidden, 1], [0]).params.size
    assert config.layers == layers
    assert config.width == min(w for w in train_kernel.WIDTHS if w >= width)
    assert config.shared_bytes(count) <= limit
    assert config.threads % 32 == 0
    assert config.threads <= 256
    if config.chunk < 128:  # a larger chunk would not fit, even with the sums outside
        assert config._replace(chunk=2 * config.chunk, sums_in_shared=False).shared_bytes(count) > limit
    if not config.sums_in_shared:
        assert config._replace(sums_in_shared=True).shared_bytes(count) > limit


@pytest.mark.parametrize(
    ("hidden", "kib", "name"),
    [
        ([10, 10, 10], 227, "train<12, 3, 128, true>"),
        ([10, 10, 10], 64, "train<12, 3, 128, true>"),
        ([30, 30, 30], 227, "train<32, 3, 128, true>"),
        ([30, 30, 30], 99, "train<32, 3, 128, false>"),
        ([64, 64, 64], 227, "train<64, 3, 128, false>"),
        ([64, 64, 64], 163, "train<64, 3, 64, false>"),
        ([64, 64, 64, 64], 99, None),
        ([65], 227, None),
        ([10] * 5, 227, None),
        ([], 227, None),
    ],
)
def test_some_configurations(hidden, kib, name):
    """Catches: a rule that changes unnoticed."""
    config = train_kernel.configuration(hidden, kib * 1024)
    assert (config and config.name) == name


def test_its_shared_memory_is_counted_right(stand_in, monkeypatch):
    """Catches: fewer bytes than the kernel uses (the address sanitizer sees that), or more than it needs."""
    asked = []
    launch = strict_cupy.RawKernel.__call__
    monkeypatch.setattr(
        strict_cupy.RawKernel, "__call__", lambda *args, **kw: asked.append(kw["shared_mem"]) or launch(*args, **kw)
    )
    train(Ensemble([1, 10, 10, 10, 1], [0], device="gpu"), sample("sine", n=100), 1, fused=True)
    floats = 4 * 12 * 132 + 2 * 2 * 12 * 12 + 2 * (5 * 12 + 4) + 2 * 128 + 2 * 251
    assert asked == [4 * floats]
