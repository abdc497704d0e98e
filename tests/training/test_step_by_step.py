"""Step by step, on samples and on segments: both train alike, and what is refused."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, Ensemble, Moments, TrainingDiverged, extract_segments, sample, train

DATA = sample("sine", (-5, 5), n=1000)
MOMENTS = Moments.of(DATA)


ENSEMBLE = Ensemble([1, 6, 6, 1], seeds=range(4), dtype=np.float64)
RATES = {"lr": [0.01, 0.02, 0.005, 0.01]}


@pytest.mark.parametrize("mixed", [False, True], ids=["data in order", "data mixed"])
@pytest.mark.parametrize("batch_size", [130, 1000])
@pytest.mark.parametrize(
    ("net", "options"),
    [
        (MLP([1, 10, 10, 1], negative_slope=0.01, seed=1, dtype=np.float64), {"lr": 0.01, "seed": 3}),
        (ENSEMBLE, {"seed": 3}),
        (ENSEMBLE, {"seeds": [3, 4, 5, 6], **RATES}),
        (ENSEMBLE, {"shuffle": False, **RATES}),
    ],
    ids=["one network", "one order for all", "an order for each", "slices"],
)
def test_samples_and_segments_train_alike(net, options, batch_size, mixed):
    """Catches: losses of another batch or epoch, a wrong mean over batches, another article's loss, another order."""
    order = np.random.default_rng(1).permutation(1000) if mixed and "shuffle" not in options else slice(None)
    data = Dataset(DATA.x[order], DATA.y[order])
    histories, nets = [], []
    for kind in (data, Moments.of(data)):
        nets.append(pickle.loads(pickle.dumps(net)))
        histories.append(train(nets[-1], kind, 6, batch_size=batch_size, snapshots=[0, 3], **options))
    one, other = histories
    assert other.losses == pytest.approx(one.losses, rel=1e-11)
    assert other.article_losses == pytest.approx(one.article_losses, rel=1e-11)
    assert sorted(other.snapshots) == [0, 3]
    assert np.abs(other.snapshots[3] - one.snapshots[3]).max() < 1e-11
    assert np.abs(nets[0].params - nets[1].params).max() < 1e-10


@pytest.mark.parametrize("data", [DATA, MOMENTS])
def test_one_batch_of_all_needs_no_shuffling(data):
    """Catches: an order drawn, or an error raised, where order does not matter."""
    runs = []
    for shuffle in (True, False):
        net = MLP([1, 6, 1], dtype=np.float64)
        train(net, data, 5, batch_size=1000, shuffle=shuffle)
        runs.append(net.params)
    assert (runs[0] == runs[1]).all()


def test_batches_of_sorted_samples():
    """Catches: slices of the data as they came, which are not neighbours."""
    order = np.random.default_rng(0).permutation(1000)
    nets = [MLP([1, 6, 1], dtype=np.float64) for _ in range(2)]
    train(nets[0], MOMENTS, 3, batch_size=100, shuffle=False)
    mixed = Moments.of(Dataset(DATA.x[order], DATA.y[order]))
    train(nets[1], mixed, 3, batch_size=100, shuffle=False)
    assert np.abs(nets[0].params - nets[1].params).max() < 1e-12


def test_batch_sizes_that_are_not_given():
    """Catches: another batch size than the article's for samples; slices of moments where all are meant."""
    data = sample("sine", (-5, 5), n=3000)
    for kind, size in ((data, 1280), (Moments.of(data), 3000)):
        nets = [MLP([1, 6, 1], dtype=np.float64) for _ in range(2)]
        histories = [train(nets[0], kind, 3, shuffle=False), train(nets[1], kind, 3, batch_size=size, shuffle=False)]
        assert (nets[0].params == nets[1].params).all()
        assert (histories[0].article_losses == histories[1].article_losses).all()


def test_a_function_without_samples_is_learnt():
    """Catches: a loss that is not the mean squared distance."""
    net = MLP([1, 10, 10, 1], seed=3, dtype=np.float64)
    history = train(net, Moments.of_function("sine", (-5, 5)), 600, lr=0.01)
    x = (np.arange(100_000) + 0.5) / 10_000 - 5  # the middles of short intervals
    assert history.losses[-1] < 0.01 < 0.3 < history.losses[0]
    assert (history.article_losses == history.losses).all()
    last = train(net, Moments.of_function("sine", (-5, 5)), 1, optimizer=SGD(1e-300)).losses[0]
    assert last == pytest.approx(np.mean((net(x) - np.sin(x)) ** 2), rel=1e-6)


def test_ensembles_learn_as_each_network_alone():
    """Catches: gradients in another network's row."""
    nets = Ensemble([1, 6, 6, 1], seeds=[4, 5])
    history = train(nets, MOMENTS, 4, snapshots=[4])
    assert history.losses.shape == (4, 2)
    assert (history.snapshots[4] == nets.params).all()
    for k, seed in enumerate([4, 5]):
        net = MLP([1, 6, 6, 1], seed=seed)
        alone = train(net, MOMENTS, 4)
        assert np.abs(net.params - nets[k].params).max() < 1e-6
        assert alone.losses == pytest.approx(history.losses[:, k], rel=1e-6)


def in_a_process(moments):
    net = MLP([1, 5, 5, 1], seed=7)
    return net, train(net, moments, 3)


@pytest.mark.parametrize(
    "moments", [Moments.of(DATA), Moments.of_function("exp", (-1, 1)), Moments.of_function(np.cos, (0, 1))]
)
def test_moments_travel_between_processes(moments):
    """Catches: moments that an Executor cannot pickle."""
    net, history = in_a_process(moments)
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        far_net, far_history = processes.submit(in_a_process, moments).result()
    assert (far_net.params == net.params).all()
    assert (far_history.losses == history.losses).all()


def test_divergence_is_seen():
    """Catches: regions of infinite weights that raise something else, or a NaN taken for 0."""
    net = MLP([1, 10, 10, 1])
    with pytest.raises(TrainingDiverged, match=r"in epoch \d: try a smaller lr"):
        train(net, MOMENTS, 50, optimizer=SGD(lr=1e38))
    assert np.isfinite(net.params).all()
    with pytest.raises(TrainingDiverged):
        train(MLP([1, 10, 10, 1], dtype=np.float64), MOMENTS, 50, optimizer=SGD(lr=1e300))


def test_one_sample_and_equal_samples():
    """Catches: an interval of no width."""
    for data in (Dataset([2.0], [3.0]), Dataset([2.0, 2.0], [1.0, 5.0])):
        net = MLP([1, 4, 1], dtype=np.float64)
        train(net, Moments.of(data), 2000)
        assert net(2.0) == pytest.approx(3, abs=1e-3)


def test_a_long_training_ends_where_segments_are_extracted():
    """Catches: a training that leaves the network somewhere else than it says."""
    net = MLP([1, 10, 10, 1], seed=1)
    history = train(net, Moments.of_function("step", (-1, 1)), 300)
    f = extract_segments(net, (-1, 1))
    assert f.integral((-1, 1)) == pytest.approx(1, abs=0.1)
    assert history.losses[-1] < 0.02 < history.losses[0]


@pytest.mark.parametrize(
    ("net", "options", "words"),
    [
        (MLP([1, 4, 1], dropout=0.1), {}, r"net has dropout 0.1.*train on a Dataset"),
        (
            MLP([1, 4, 1]),
            {"data": Moments.of_function("exp", (0, 1)), "batch_size": 5},
            "batch_size is 5, but a function has no samples",
        ),
        (
            ENSEMBLE,
            {"optimizer": Adam([0.1, 0.2])},
            r"lr is array\(\[0.1, 0.2\]\): give one number, or one for each of the 4",
        ),
        (MLP([1, 4, 2]), {"data": Moments.of_function("exp", (0, 1))}, "data has 1 inputs and 1 outputs"),
        (MLP([2, 4, 1]), {}, "data has 1 inputs and 1 outputs"),
        (MLP([1, 4, 1]), {"batch_size": 1.5}, "batch_size is 1.5"),
        (MLP([1, 4, 1]), {"fused": True}, "fused is True, but the kernel runs on a GPU"),
    ],
)
def test_what_is_refused(net, options, words):
    """Catches: a training that goes on with what it cannot do."""
    before = net.params.copy()
    with pytest.raises(ValueError, match=words):
        train(net, **{"data": MOMENTS, "epochs": 3, **options})
    assert (net.params == before).all()


def test_adam_goes_on_from_samples_to_segments():
    """Catches: gradients of another shape or dtype."""
    net, adam = MLP([1, 4, 1]), Adam(0.01)
    train(net, DATA, 2, optimizer=adam)
    train(net, MOMENTS, 2, optimizer=adam)
    assert adam.t == 4
