"""Training by segments, through `train`: what it shares with training by samples, and what it refuses."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, Ensemble, Moments, TrainingDiverged, extract_segments, sample, train
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleEngine, piece_size

DATA = sample("sine", (-5, 5), n=1000)
BY_SEGMENTS = {"engine": "segments", "batch_size": None}


@pytest.mark.parametrize("batch_size", [130, None])
def test_both_engines_train_alike(batch_size):
    """Catches: losses of another batch or epoch, a wrong mean over batches, another article's loss."""
    histories, nets = [], []
    for engine in ("samples", "segments"):
        nets.append(MLP([1, 10, 10, 1], 0.01, seed=1, dtype=np.float64))
        histories.append(train(nets[-1], DATA, 6, 0.01, batch_size, False, snapshots=[0, 3], engine=engine))
    one, other = histories
    assert other.losses == pytest.approx(one.losses, rel=1e-11)
    assert other.article_losses == pytest.approx(one.article_losses, rel=1e-11)
    assert sorted(other.snapshots) == [0, 3]
    assert np.abs(other.snapshots[3] - one.snapshots[3]).max() < 1e-11
    assert np.abs(nets[0].params - nets[1].params).max() < 1e-10


@pytest.mark.parametrize(("sizes", "n"), [([1, 30, 30, 2], 1280), ([3, 5, 1], 5000), ([1, 10, 1], 2049)])
def test_large_batches_are_done_in_pieces(sizes, n):
    """Catches: samples between two pieces that are lost, pieces of different sizes that weigh alike."""
    rng = np.random.default_rng(0)
    data = Dataset(rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[-1])))
    assert n > piece_size(sizes)
    net = MLP(sizes, dtype=np.float64)
    whole, pieces = (np.full_like(net.params, np.nan) for _ in range(2))
    memory = Memory(net, n)
    forward(net, data.x.T, memory)
    loss = backward(net, data.y.T, memory, layer_views(whole, sizes))
    engine = SampleEngine(net, data, None, False, rng)
    ((samples, gradient),) = engine.epoch()
    assert samples == n
    assert gradient(net, layer_views(pieces, sizes)) == pytest.approx(loss, rel=1e-13)
    assert np.abs(pieces - whole).max() < 1e-13 * np.abs(whole).max()
    assert max(engine._memories) <= piece_size(sizes)


@pytest.mark.parametrize(("width", "size"), [(10, 2048), (30, 1075), (43, 528), (44, 2048), (300, 2048)])
def test_piece_sizes(width, size):
    """Catches: pieces so small that calls cost more than products."""
    assert piece_size([1, width, width, 1]) == size


@pytest.mark.parametrize("engine", ["samples", "segments"])
def test_one_batch_of_all_needs_no_shuffling(engine):
    """Catches: an order drawn, or an error raised, where order does not matter."""
    runs = []
    for shuffle in (True, False):
        net = MLP([1, 6, 1], dtype=np.float64)
        train(net, DATA, 5, batch_size=1000, shuffle=shuffle, engine=engine)
        runs.append(net.params)
    assert (runs[0] == runs[1]).all()


def test_batches_of_sorted_samples():
    """Catches: slices of the data as they came, which are not neighbours."""
    order = np.random.default_rng(0).permutation(1000)
    nets = [MLP([1, 6, 1], dtype=np.float64) for _ in range(2)]
    train(nets[0], DATA, 3, batch_size=100, shuffle=False, engine="segments")
    train(nets[1], Dataset(DATA.x[order], DATA.y[order]), 3, batch_size=100, shuffle=False, engine="segments")
    assert np.abs(nets[0].params - nets[1].params).max() < 1e-12


def test_moments_in_place_of_samples():
    """Catches: moments that are not what they were made of."""
    nets = [MLP([1, 6, 1]) for _ in range(2)]
    histories = [train(net, data, 4, **BY_SEGMENTS) for net, data in zip(nets, (DATA, Moments.of(DATA)), strict=True)]
    assert (nets[0].params == nets[1].params).all()
    assert (histories[0].losses == histories[1].losses).all()


def test_a_function_without_samples_is_learnt():
    """Catches: a loss that is not the mean squared distance."""
    net = MLP([1, 10, 10, 1], seed=3, dtype=np.float64)
    history = train(net, Moments.of_function("sine", -5, 5), 600, 0.01, **BY_SEGMENTS)
    x = (np.arange(100_000) + 0.5) / 10_000 - 5  # the middles of short intervals
    assert history.losses[-1] < 0.01 < 0.3 < history.losses[0]
    assert (history.article_losses == history.losses).all()
    last = train(net, Moments.of_function("sine", -5, 5), 1, optimizer=SGD(1e-300), **BY_SEGMENTS).losses[0]
    assert last == pytest.approx(np.mean((net(x) - np.sin(x)) ** 2), rel=1e-6)


def test_ensembles_learn_as_each_network_alone():
    """Catches: gradients in another network's row."""
    nets = Ensemble([1, 6, 6, 1], seeds=[4, 5])
    history = train(nets, DATA, 4, snapshots=[4], **BY_SEGMENTS)
    assert history.losses.shape == (4, 2)
    assert (history.snapshots[4] == nets.params).all()
    for k, seed in enumerate([4, 5]):
        net = MLP([1, 6, 6, 1], seed=seed)
        alone = train(net, DATA, 4, **BY_SEGMENTS)
        assert (net.params == nets[k].params).all()
        assert (alone.losses == history.losses[:, k]).all()


def in_a_process(moments):
    net = MLP([1, 5, 5, 1], seed=7)
    return net, train(net, moments, 3, **BY_SEGMENTS)


@pytest.mark.parametrize(
    "moments", [Moments.of(DATA), Moments.of_function("exp", -1, 1), Moments.of_function(np.cos, 0, 1)]
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
        train(net, DATA, 50, optimizer=SGD(lr=1e38), **BY_SEGMENTS)
    assert np.isfinite(net.params).all()
    with pytest.raises(TrainingDiverged):
        train(MLP([1, 10, 10, 1], dtype=np.float64), DATA, 50, optimizer=SGD(lr=1e300), **BY_SEGMENTS)


def test_one_sample_and_equal_samples():
    """Catches: an interval of no width."""
    for data in (Dataset([2.0], [3.0]), Dataset([2.0, 2.0], [1.0, 5.0])):
        net = MLP([1, 4, 1], dtype=np.float64)
        train(net, data, 2000, **BY_SEGMENTS)
        assert net(2.0) == pytest.approx(3, abs=1e-3)


def test_a_long_training_ends_where_segments_are_extracted():
    """Catches: an engine that leaves the network somewhere else than it says."""
    net = MLP([1, 10, 10, 1], seed=1)
    history = train(net, Moments.of_function("step", -1, 1), 300, **BY_SEGMENTS)
    f = extract_segments(net, -1, 1)
    assert f.integral(-1, 1) == pytest.approx(1, abs=0.1)
    assert history.losses[-1] < 0.02 < history.losses[0]


@pytest.mark.parametrize(
    ("net", "options", "words"),
    [
        (MLP([1, 4, 1]), {"batch_size": 100}, r"batch_size is 100.*not shuffled.*batch_size=None.*shuffle=False"),
        (MLP([1, 4, 1], dropout=0.1), {}, r"net has dropout 0.1.*engine='samples'"),
        (MLP([1, 4, 1]), {"engine": ["segments"]}, r"engine is \['segments'\]: give one of"),
        (MLP([1, 4, 1]), {"engine": "lines"}, "engine is 'lines': give one of samples, segments"),
        (
            MLP([1, 4, 1]),
            {"data": Moments.of_function("exp", 0, 1), "batch_size": 5, "shuffle": False},
            "has no samples",
        ),
        (MLP([1, 4, 2]), {"data": Moments.of_function("exp", 0, 1)}, "data has 1 inputs and 1 outputs"),
        (MLP([2, 4, 1]), {"data": Dataset(np.ones((4, 2)), np.ones(4))}, r"net has 2 inputs.*engine='samples'"),
        (MLP([1, 4, 1]), {"batch_size": 1.5}, "batch_size is 1.5"),
    ],
)
def test_what_is_refused(net, options, words):
    """Catches: a training that goes on with what it cannot do."""
    before = net.params.copy()
    with pytest.raises(ValueError, match=words):
        train(net, **{"data": DATA, "epochs": 3, **BY_SEGMENTS, **options})
    assert (net.params == before).all()


def test_samples_are_not_made_of_moments():
    """Catches: an AttributeError deep inside."""
    with pytest.raises(TypeError, match=r"data is a Moments, which has no samples: give engine='segments'"):
        train(MLP([1, 4, 1]), Moments.of(DATA), 1)


def test_adam_goes_on_from_one_engine_to_the_other():
    """Catches: gradients of another shape or dtype."""
    net, adam = MLP([1, 4, 1]), Adam(0.01)
    train(net, DATA, 2, optimizer=adam)
    train(net, DATA, 2, optimizer=adam, **BY_SEGMENTS)
    assert adam.t == 4
