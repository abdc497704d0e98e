"""Networks on a GPU against the same on the CPU: all of the GPU's path."""

import pickle

import numpy as np
import pytest
from support import strict_cupy

from tinymlp import (
    MLP,
    SGD,
    Adam,
    Dataset,
    Ensemble,
    Moments,
    TrainingDiverged,
    TrainingInterrupted,
    argmax_changes,
    crosscheck,
    detect_segments,
    extract_segments,
    sample,
    train,
)
from tinymlp.cli import main
from tinymlp.network.activations import leaky
from tinymlp.network.graph import inputs
from tinymlp.network.parameters import layer_views
from tinymlp.network.rewrite import as_network
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleGradients, SegmentGradients

DATA = sample("sine", (-5, 5), 1000)


F64 = {"dtype": np.float64}


def test_devices(cupy):
    """Catches: weights drawn on the device, a copy where none is needed, "auto" that overlooks the GPU."""
    host = MLP([1, 10, 1], seed=3)
    for net in (MLP([1, 10, 1], seed=3, device="gpu"), host.to("gpu"), host.to("auto")):
        assert net.device == "gpu"
        assert isinstance(net.params, cupy.ndarray)
        assert (net.to("cpu").params == host.params).all()
        assert net.to("gpu") is net
        assert net.to("auto") is net
        assert net.to("cpu").to("gpu") is not net
    assert "device='gpu'" in repr(net)


def test_copies_and_files(cupy, tmp_path):
    """Catches: a copy that shares memory or loses its device, a file or a pickle that needs the GPU's arrays."""
    net = MLP([2, 5, 3], negative_slope=0.1, dropout=0.2, seed=1, device="gpu")
    copy = net.copy()
    copy.params = np.zeros(net.params.size)
    assert copy.device == "gpu"
    assert not copy.params.get().any()
    assert net.params.get().all()
    assert net.astype(np.float64).device == "gpu"
    net.save(tmp_path / "net.npz")
    loaded, pickled = MLP.load(tmp_path / "net.npz"), pickle.loads(pickle.dumps(net))
    assert loaded.device == "cpu"
    assert pickled.device == "gpu"
    for other in (loaded, pickled.to("cpu")):
        assert (other.params == net.to("cpu").params).all()
        assert (other.negative_slope, other.dropout) == (0.1, 0.2)
    net.params = cupy.zeros(net.params.size)
    loaded.params = net.params
    assert not loaded.params.any()


@pytest.mark.parametrize(("sizes", "slope"), [([1, 10, 10, 1], 0.0), ([3, 4, 2], 0.1), ([1, 1], 0.0)])
def test_outputs(cupy, sizes, slope):
    """Catches: another layout, a slope or a bias that is left out."""
    net = MLP(sizes, negative_slope=slope, seed=1, **F64)
    x = np.random.default_rng(0).normal(size=(7, sizes[0]))
    assert np.abs(net.to("gpu")(x).get() - net(x)).max() < 1e-14
    if sizes[0] == 1:
        assert net.to("gpu")(cupy.asarray(x[:, 0])).shape == (7,)
        assert net.to("gpu")(0.5).shape == ()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [[1, 10, 10, 1], [3, 4, 2], [1, 300, 1], [2, 2]])
@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_gradients(cupy, sizes, slope, dtype):
    """Catches: a kernel in the wrong place, a gap between slices of several outputs, TF32 in matrix products."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(size, 500)).astype(dtype) for size in (sizes[0], sizes[-1]))
    results = []
    for net in (
        MLP(sizes, negative_slope=slope, seed=2, **F64),
        MLP(sizes, negative_slope=slope, seed=2, dtype=dtype, device="gpu"),
    ):
        xp = cupy if net.device == "gpu" else np
        memory, grad = Memory(net, 300), xp.zeros(net.params.shape, net.dtype)
        forward(net, xp.asarray(x)[:, 100:400], memory)
        loss = backward(net, xp.asarray(y)[:, 100:400], memory, layer_views(grad, net.sizes))
        results.append((float(loss), grad))
    (want, grad), (loss, on_gpu) = results
    tolerance = 50 * float(np.finfo(dtype).eps)
    assert loss == pytest.approx(want, rel=tolerance)
    assert np.linalg.norm(on_gpu.get() - grad) < tolerance * np.linalg.norm(grad)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False, "snapshots": [0, 2, 5]},
        {"batch_size": 1000},
        {"optimizer": (SGD, {"lr": 0.1, "momentum": 0.5})},
        {"optimizer": (Adam, {"lr": 0.02, "weight_decay": 0.1})},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "net", [MLP([1, 10, 10, 1], negative_slope=0.01, dropout=0.1, **F64), Ensemble([1, 5, 1], range(3), **F64)], ids=str
)
def test_training(cupy, net, options):
    """Catches: other batches, another mean, dropout or optimizer on the GPU; a history that stays there."""
    histories, nets = [], []
    options = {"batch_size": 128, "fused": False} | options
    for device in ("cpu", "gpu"):
        nets.append(net.to(device) if device == "gpu" else pickle.loads(pickle.dumps(net)))
        made = {"optimizer": options["optimizer"][0](**options["optimizer"][1])} if "optimizer" in options else {}
        histories.append(train(nets[-1], DATA, 5, **(options | made)))
    host, gpu = histories
    assert isinstance(gpu.losses, np.ndarray)
    assert gpu.losses == pytest.approx(host.losses, rel=1e-10)
    assert gpu.article_losses == pytest.approx(host.article_losses, rel=1e-10)
    assert np.abs(nets[1].to("cpu").params - nets[0].params).max() < 1e-9
    assert sorted(gpu.snapshots) == sorted(host.snapshots)
    for epoch, params in gpu.snapshots.items():
        assert isinstance(params, np.ndarray)
        assert np.abs(params - host.snapshots[epoch]).max() < 1e-9


def test_fifty_steps_in_float32(cupy):
    """Catches: what float64 hides, such as a cast that loses digits; losses must agree within float32's rounding."""
    losses = [
        train(MLP([1, 10, 10, 10, 1], device=d), DATA, 6, batch_size=128, fused=False).losses for d in ("cpu", "gpu")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_an_optimizer_goes_on_where_it_stopped(cupy):
    """Catches: moments that a second call makes again; moments on the CPU for parameters on the GPU."""
    whole, parts = (MLP([1, 5, 1], device="gpu", **F64) for _ in range(2))
    train(whole, DATA, 7, shuffle=False)
    adam = Adam(lr=0.01)
    for epochs in (3, 4):
        train(parts, DATA, epochs, shuffle=False, optimizer=adam)
    assert (whole.params.get() == parts.params.get()).all()
    with pytest.raises(ValueError, match=r"on the gpu, not of .* on the cpu: make a new one"):
        train(parts.to("cpu"), DATA, 1, optimizer=adam)


def test_no_step_reads_from_the_gpu(cupy, no_reads):
    """Catches: a loss, a branch or a length that makes the CPU wait for the GPU in every step."""
    for slope in (0.0, 0.1):
        net = MLP([1, 10, 10, 1], negative_slope=slope, device="gpu")
        gradients, adam = SampleGradients(net, DATA, 128, True, [np.random.default_rng(0)]), Adam()
        grad = cupy.empty_like(net.params)

        def epoch(net=net, gradients=gradients, adam=adam, grad=grad):
            for _, gradient in gradients.epoch():
                gradient(net, grad)
                adam.step(net.params, grad)

        epoch()  # compiles
        with no_reads():
            epoch()


MIXED = np.random.default_rng(2).permutation(1000)
MOMENTS = {
    "samples": Moments.of(Dataset(DATA.x[MIXED], DATA.y[MIXED])),
    "two outputs": Moments.of(Dataset(DATA.x, np.stack([DATA.y, DATA.x], axis=1))),
    "closed form": Moments.of_function("sine", (-5, 5)),
    "quadrature": Moments.of_function(np.cos, (-5, 5)),
}


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize(
    ("data", "options"),
    [
        ("samples", {}),
        ("samples", {"batch_size": 130, "shuffle": False}),
        ("samples", {"batch_size": 130}),
        ("samples", {"batch_size": 130, "seeds": [3, 4, 5]}),
        ("samples", {"batch_size": 130, "lr": [0.01, 0.02, 0.03]}),
        ("two outputs", {"batch_size": 130, "seeds": [3, 4, 5]}),
        ("closed form", {}),
        ("quadrature", {}),
    ],
    ids=str,
)
def test_training_on_segments(cupy, slope, data, options):
    """Catches: other batches, sums or parts of regions on the GPU; integrals that are computed there, or stay here."""
    moments = MOMENTS[data]
    nets = Ensemble([1, 6, 6, moments.outputs], range(3), negative_slope=slope, **F64)
    for net in [nets] if "seeds" in options or "lr" in options else [nets, nets[1].copy()]:
        on_gpu, host = net.to("gpu"), pickle.loads(pickle.dumps(net))
        histories = [train(one, moments, 5, **options) for one in (host, on_gpu)]
        assert histories[1].losses == pytest.approx(histories[0].losses, rel=1e-10)
        assert np.abs(on_gpu.to("cpu").params - host.params).max() < 1e-9


def test_segments_on_the_gpu_are_the_same_in_every_run(cupy):
    """Catches: sums whose order the GPU chooses in every run."""
    runs = []
    for _ in range(2):
        nets = Ensemble([1, 10, 10, 1], range(8), device="gpu")
        train(nets, MOMENTS["samples"], 20, batch_size=500, seeds=range(8))
        runs.append(nets.params.get())
    assert (runs[0] == runs[1]).all()


def test_a_network_that_is_lost_harms_no_other(cupy):
    """Catches: sums over the regions of all networks, which carry a NaN from one into the next."""
    nets = Ensemble([1, 6, 6, 1], range(3), device="gpu", **F64)
    nets.params[1] = np.nan
    grad = cupy.empty_like(nets.params)
    ((_, gradient),) = SegmentGradients(nets, MOMENTS["samples"], None, False, [np.random.default_rng(0)]).epoch()
    assert np.isfinite(gradient(nets, grad).get()).tolist() == [True, False, True]
    assert np.isfinite(grad.get()).all(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rate_for_each_network(cupy, dtype):
    """Catches: a step with several rates that is another than that with one."""
    rng = np.random.default_rng(0)
    host, grad = rng.normal(size=(2, 3, 50)).astype(dtype)
    on_gpu, alike, rates = cupy.asarray(host), cupy.asarray(host), [0.1, 0.03, 1.0]
    adams = [Adam(rates, weight_decay=0.1), Adam(rates, weight_decay=0.1), Adam(0.03, weight_decay=0.1)]
    for _ in range(5):
        for adam, params, g in zip(adams, (host, on_gpu, alike), (grad, *2 * [cupy.asarray(grad)]), strict=True):
            adam.step(params, g)
    assert (on_gpu.get() == host).all()
    assert (on_gpu.get()[1] == alike.get()[1]).all()


def test_the_gpu_waits_as_often_for_many_networks(stand_in):
    """Catches: a look at the GPU for each network."""
    reads = []
    for networks in (2, 40):
        before = strict_cupy.reads
        train(Ensemble([1, 5, 5, 1], range(networks), device="gpu"), MOMENTS["samples"], 3, batch_size=250)
        reads.append(strict_cupy.reads - before)
    assert reads[0] == reads[1]


@pytest.mark.parametrize("callback", [None, lambda *_: None])
def test_a_network_that_diverges(cupy, callback):
    """Catches: a NaN that goes unnoticed when losses are read at the end; what came after it that is kept."""
    stops, nets = [], []
    for device in ("cpu", "gpu"):
        net = MLP([1, 10, 1], seed=1, device=device, **F64)
        train(net, DATA, 2, batch_size=100)
        optimizer = Bursting(SGD(0.01), steps=34)  # in the fourth epoch
        with pytest.raises(TrainingDiverged, match="in epoch 4") as stop:
            train(net, DATA, 9, batch_size=100, optimizer=optimizer, callback=callback, snapshots=[1, 8])
        stops.append(stop.value.history)
        nets.append(net.to("cpu"))
    assert len(stops[1]) == 3
    assert stops[1].losses == pytest.approx(stops[0].losses, rel=1e-10)
    assert sorted(stops[1].snapshots) == [1]
    assert np.isfinite(nets[1].params).all()
    assert np.abs(nets[1].params - nets[0].params).max() < 1e-10


class Bursting:
    """An optimizer that writes NaN after so many steps, or does something worse."""

    def __init__(self, optimizer, steps, error=None):
        self.optimizer, self.left, self.error = optimizer, steps, error

    def step(self, params, grad):
        self.left -= 1
        if self.left == 0 and self.error:
            raise self.error
        self.optimizer.step(params, grad)
        if self.left == 0:
            params[..., 0] = np.nan


def test_an_interrupted_training(cupy):
    """Catches: losses that were not read yet and are lost at Ctrl-C."""
    net = MLP([1, 10, 1], device="gpu")
    with pytest.raises(TrainingInterrupted) as stop:
        train(net, DATA, 9, batch_size=100, optimizer=Bursting(SGD(0.01), 34, KeyboardInterrupt()))
    expected = train(MLP([1, 10, 1]), DATA, 3, batch_size=100, optimizer=SGD(0.01))
    assert stop.value.history.losses == pytest.approx(expected.losses, rel=1e-5)


def test_segments_are_the_same_on_either_device(cupy):
    """Catches: an extraction or a detector that computes anything on the GPU, where it would round differently."""
    net = MLP([1, 10, 10, 10, 1], negative_slope=0.01)
    train(net, DATA, 3)
    on_gpu = net.to("gpu")
    one, other = (extract_segments(n, (-5, 5)) for n in (net, on_gpu))
    assert one.breakpoints.tolist() == other.breakpoints.tolist()
    assert one.slopes.tolist() == other.slopes.tolist()
    assert one.boundaries == other.boundaries
    for dtype in (np.float32, np.float64):
        one, other = (detect_segments(n, (-5, 5), dtype=dtype) for n in (net, on_gpu))
        assert one.transitions.tolist() == other.transitions.tolist()
        assert (one.y == other.y).all()
    assert str(crosscheck(on_gpu, (-5, 5))) == str(crosscheck(net, (-5, 5)))
    classes = MLP([2, 5, 3])
    lines = [n.along([-3, 0], [1, 1]) for n in (classes, classes.to("gpu"))]
    assert argmax_changes(lines[0], (-9, 9)) == argmax_changes(lines[1], (-9, 9))


@pytest.mark.parametrize("slope", [0.0, 0.01])
@pytest.mark.parametrize("interval", [(-5, 5), (-np.inf, np.inf)])
def test_segments_of_an_ensemble(cupy, slope, interval):
    """Catches: an extraction of many that goes another way on the GPU, or leaves its answer there."""
    ensemble = Ensemble([1, 10, 10, 1], range(20), negative_slope=slope)
    train(ensemble, DATA, 2)
    host, gpu = (extract_segments(e, interval) for e in (ensemble, ensemble.to("gpu")))
    assert gpu.counts.tolist() == host.counts.tolist()
    assert gpu.boundary_counts.tolist() == host.boundary_counts.tolist()
    for name in ("breakpoints", "jumps", "slopes", "intercepts"):
        mine, other = getattr(gpu, name), getattr(host, name)
        assert isinstance(mine, np.ndarray)
        assert mine == pytest.approx(other, rel=1e-10, abs=1e-13, nan_ok=True)
    for mine, other in zip(gpu[3].boundaries, host[3].boundaries, strict=True):
        assert (mine.owners, mine.label) == (other.owners, other.label)
        assert mine.x == pytest.approx(other.x, rel=1e-10, abs=1e-13)


def test_ensembles(cupy):
    """Catches: networks of an ensemble that are no views of its matrix, or begin otherwise than alone."""
    ensemble = Ensemble([1, 5, 1], range(4), device="gpu")
    assert ensemble.device == "gpu"
    assert ensemble.to("gpu") is ensemble
    assert (ensemble.to("cpu").params == Ensemble([1, 5, 1], range(4)).params).all()
    assert ensemble([0.0, 1.0]).shape == (4, 2)
    ensemble.params = np.zeros(ensemble.params.shape)
    assert not ensemble[2].params.get().any()


def test_what_does_not_fit(cupy):
    """Catches: other errors than ValueError."""
    with pytest.raises(ValueError, match="too large for float32"):
        train(MLP([1, 3, 1], device="gpu"), Dataset([1e60], [1.0]), 1)


def test_commands(cupy, capsys):
    """Catches: `tinymlp devices` that does not see the GPU, `tinymlp fit` that does not use it."""
    assert main(["devices"]) == 0
    assert "gpu 0" in capsys.readouterr().out
    losses = []
    for device in ("cpu", "auto"):
        assert main(["fit", "exp", "--epochs", "3", "--samples", "500", "--device", device]) == 0
        losses.append([float(line.split()[-1]) for line in capsys.readouterr().out.splitlines() if "loss" in line])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "reads"), [({}, 1), ({"snapshots": [2, 4]}, 2), ({"callback": lambda *_: None}, 6)]
)
def test_losses_come_back_once(stand_in, options, reads):
    """Catches: a read every epoch. One is for the losses, or one a callback; one for all snapshots."""
    before = strict_cupy.reads
    train(MLP([1, 5, 1], device="gpu"), sample("exp", n=300), 6, batch_size=50, fused=False, **options)
    assert strict_cupy.reads - before == reads


def test_an_extraction_of_many_rarely_waits(stand_in):
    """Catches: a look at the GPU for each network."""
    ensemble = Ensemble([1, 5, 5, 1], range(50), device="gpu")
    before = strict_cupy.reads
    extract_segments(ensemble, (-5, 5))
    assert strict_cupy.reads - before < 25


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hubers_loss(cupy, dtype):
    """Catches: the fused kernel, which knows another loss; a type that changes; a delta that is lost on the way."""
    losses = []
    for device in ("cpu", "gpu"):
        nets = Ensemble([1, 10, 10, 1], [1, 2], dtype=dtype, device=device)
        losses.append(train(nets, DATA, 3, loss="huber", delta=0.1, batch_size=300).losses)
        assert nets.params.dtype == dtype
    assert losses[1] == pytest.approx(losses[0], rel=2e-3 if dtype == "float32" else 1e-10)
    assert losses[0].max() < 0.1  # half the squared error would be larger
    with pytest.raises(ValueError, match="the kernel knows the mean squared error, and loss is 'huber'"):
        train(MLP([1, 10, 1], device="gpu"), DATA, 1, loss="huber", fused=True)


@pytest.mark.parametrize("moments", [False, True])
def test_what_is_held(cupy, moments):
    """Catches: masks or ties that stay on the CPU, or that a GPU sums in an order of its own."""
    rng = np.random.default_rng(0)
    vector = inputs(1).linear(rng.normal(size=(4, 1)), rng.normal(size=4)).activate(leaky([0.2, -1.0, 0.0, 1.5]))
    net = as_network(MLP, vector.linear(rng.normal(size=(1, 4)), rng.normal(size=1)))
    mask = np.arange(net.params.size) != 1
    data = Moments.of(DATA) if moments else DATA
    nets = [net, net.to("gpu"), net.to("gpu")]
    for one in nets:
        train(one, data, 3, batch_size=300, mask=mask)
    assert nets[1].params.get() == pytest.approx(net.params, rel=1e-12)
    assert (nets[1].params.get() == nets[2].params.get()).all()
