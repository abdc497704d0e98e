"""The training loop."""

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, Ensemble, Moments, sample, train

DATA = sample("sine", n=300)


def test_it_learns():
    """Catches: a loop that runs and changes nothing worth having."""
    net = MLP([1, 10, 10, 1])
    history = train(net, DATA, 200, batch_size=50)
    assert history.losses[0] > 0.3
    assert history.losses[-1] < 0.01
    assert np.mean((net(DATA.x) - DATA.y) ** 2) < 0.01


def test_same_seed_same_everything():
    """Catches: global random state, an order of samples that no seed fixes."""
    runs = []
    for seed in (0, 0, 1):
        np.random.seed(len(runs))  # noqa: NPY002  # must not matter
        net = MLP([1, 5, 1], dropout=0.1)
        runs.append((train(net, DATA, 5, batch_size=64, seed=seed).losses, net.params))
    assert (runs[0][0] == runs[1][0]).all()
    assert (runs[0][1] == runs[1][1]).all()
    assert (runs[0][0] != runs[2][0]).any()


def test_unshuffled_batches_are_slices_in_order():
    """Catches: shuffling against orders."""
    orders = []
    for shuffle in (False, True):
        net = MLP([1, 3, 1], dtype=np.float64)
        by_hand = net.copy()
        history = train(net, DATA, 1, batch_size=100, shuffle=shuffle, optimizer=SGD(0.1))
        losses, optimizer = [], SGD(0.1)
        for i in range(0, 300, 100):
            part = Dataset(DATA.x[i : i + 100], DATA.y[i : i + 100])
            losses.append(train(by_hand, part, 1, optimizer=optimizer, shuffle=False).losses[0])
        orders.append(np.isclose(history.losses[0], np.mean(losses), rtol=1e-12))
    assert orders == [True, False]


def test_an_optimizer_goes_on_where_it_stopped():
    """Catches: moments or step count lost between calls; a fresh Adam per call that is not fresh."""
    whole, parts, fresh = (MLP([1, 5, 1]) for _ in range(3))
    train(whole, DATA, 7, shuffle=False)
    adam = Adam(lr=0.01)
    train(parts, DATA, 3, shuffle=False, optimizer=adam)
    train(parts, DATA, 4, shuffle=False, optimizer=adam)
    assert (whole.params == parts.params).all()
    for epochs in (3, 4):
        train(fresh, DATA, epochs, shuffle=False)
    assert (whole.params != fresh.params).any()


def test_callback_and_progress(capsys):
    """Catches: epochs counted from 0, a bar that shows without being asked for."""
    seen = []
    net = MLP([1, 4, 1])
    history = train(net, DATA, 3, callback=lambda *call: seen.append(call))
    assert [(epoch, loss) for epoch, _, loss in seen] == list(enumerate(history.losses, start=1))
    assert seen[0][1] is net
    assert capsys.readouterr().err == ""
    train(net, DATA, 1, progress=True)
    assert "epoch" in capsys.readouterr().err


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"optimizer": Adam(0.02, weight_decay=0.1)}])
def test_ensemble_learns_as_each_network_alone(options):
    """Catches: networks that share buffers, moments or batches in a way that changes them."""
    nets = Ensemble([1, 6, 6, 1], seeds=[4, 5, 6], negative_slope=0.01)
    history = train(nets, DATA, 4, batch_size=128, snapshots=[4], **options)
    assert history.losses.shape == history.article_losses.shape == (4, 3)
    assert (history.snapshots[4] == nets.params).all()
    for k, seed in enumerate([4, 5, 6]):
        if "optimizer" in options:
            options["optimizer"] = Adam(0.02, weight_decay=0.1)
        net = MLP([1, 6, 6, 1], negative_slope=0.01, seed=seed)
        alone = train(net, DATA, 4, batch_size=128, **options)
        assert (net.params == nets[k].params).all()
        assert (alone.losses == history.losses[:, k]).all()


def test_no_epochs():
    """Catches: an empty history without its shape."""
    assert train(MLP([1, 1]), DATA, 0).losses.shape == (0,)
    assert train(Ensemble([1, 1], range(3)), DATA, 0, snapshots=[0]).losses.shape == (0, 3)


def test_several_inputs_and_outputs():
    """Catches: data laid out for one input only."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = np.column_stack([x.sum(1), x[:, 0]])
    net = MLP([3, 2], dtype=np.float64)
    train(net, Dataset(x, y), 400, batch_size=50)
    assert net.weights[0] == pytest.approx(np.array([[1, 1, 1], [1, 0, 0]]), abs=1e-2)


def test_every_epoch_has_an_order_of_its_own():
    """Catches: the same shuffled order every epoch."""
    orders = []

    class Watch:
        def step(self, params, grad):
            orders.append(grad.copy())

    train(MLP([1, 4, 1]), DATA, 2, batch_size=100, optimizer=Watch())
    assert (orders[0] != orders[3]).any()


def test_data_must_be_a_dataset():
    """Catches: an AttributeError for a pair of arrays."""
    with pytest.raises(TypeError, match=r"data is a tuple: give a Dataset, as in Dataset\(x, y\), or sample"):
        train(MLP([1, 1]), (DATA.x, DATA.y), 1)


@pytest.mark.parametrize("net", ["net", None, MLP, [MLP([1, 1])]])
def test_net_must_be_a_network(net):
    """Catches: an AttributeError for what is no network."""
    with pytest.raises(TypeError, match=f"net is a {type(net).__name__}: give an MLP or an Ensemble"):
        train(net, DATA, 1)


@pytest.mark.parametrize("options", [{"optimizer": Adam}, {"optimizer": "adam"}, {"callback": 3}])
def test_arguments_of_the_wrong_kind(options):
    """Catches: an AttributeError after the first epoch."""
    net = MLP([1, 1])
    (name,) = options
    with pytest.raises(TypeError, match=f"{name} is .*: give"):
        train(net, DATA, 1, **options)
    assert (net.params == MLP([1, 1]).params).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"epochs": 1.5}, r"epochs is 1\.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": float("nan")}, "batch_size is nan"),
        ({"lr": 0}, "lr is 0"),
        ({"snapshots": 3}, "snapshots is 3: give a list"),
        ({"snapshots": [4]}, r"snapshots has \[4\]: give epochs from 0 to 3"),
        ({"seed": -1}, "seed is -1: give an integer >= 0, or a Generator"),
        ({"seed": "x"}, "seed is 'x': give an integer >= 0"),
        ({"seed": 1.5}, r"seed is 1\.5: give an integer >= 0"),
        ({"lr": "0.1"}, r"lr is '0\.1': give a number > 0"),
        ({"lr": "a"}, "lr is 'a': give a number > 0"),
        ({"lr": [[0.1]]}, r"lr is \[\[0\.1\]\]: give one number"),
        ({"lr": {0.1}}, r"lr is {0\.1}: give a number > 0"),
        ({"snapshots": ["a"]}, r"snapshots has \['a'\]: give epochs from 0 to 3"),
        ({"snapshots": ["a", 7, 1.0, 1, None]}, r"snapshots has \['a', 7, 1\.0, None\]: give epochs from 0 to 3"),
        ({"snapshots": [[1]]}, r"snapshots has \[\[1\]\]: give epochs"),
        ({"snapshots": "12"}, "snapshots is '12': give a list"),
        ({"fused": "yes"}, "fused is 'yes': give True or False"),
        ({"fused": 0}, "fused is 0: give True or False"),
        ({"shuffle": "no"}, "shuffle is 'no': give True or False"),
        ({"progress": "no"}, "progress is 'no': give True or False"),
        ({"data": Dataset(np.ones((4, 2)), np.ones(4))}, "data has 2 inputs and 1 outputs, but the network 1 and 1"),
        ({"data": Dataset([0.0], [1e300])}, "too large for float32"),
    ],
)
def test_bad_arguments_change_nothing(options, words):
    """Catches: an argument that is found wrong after the first step."""
    net = MLP([1, 4, 1])
    before = net.params.copy()
    with pytest.raises(ValueError, match=words):
        train(net, **{"data": DATA, "epochs": 3, **options})
    assert (net.params == before).all()


def test_a_generator_goes_on_where_it_stopped():
    """Catches: a second call that repeats the orders of the first."""
    data = sample("exp", n=64)
    nets = [MLP([1, 5, 1]) for _ in range(2)]
    train(nets[0], data, 4, batch_size=16, optimizer=SGD(0.001), seed=5)
    orders = np.random.default_rng(5)
    for _ in range(2):
        train(nets[1], data, 2, batch_size=16, optimizer=SGD(0.001), seed=orders)
    assert (nets[0].params == nets[1].params).all()


def test_dropout_acts_in_training():
    """Catches: a training that forgets to drop units."""
    losses = [
        train(MLP([1, 10, 1], dropout=dropout), DATA, 3, seed=seed).losses
        for dropout, seed in [(0, 0), (0.5, 0), (0.5, 1)]
    ]
    assert (losses[0] != losses[1]).all()
    assert (losses[1] != losses[2]).all()


@pytest.mark.parametrize("data", [DATA, Moments.of(DATA)], ids=["samples", "segments"])
def test_networks_with_rates_and_orders_of_their_own(data):
    """Catches: a learning rate or an order given to another network, or to all."""
    options = {"batch_size": 30}
    nets = Ensemble([1, 6, 6, 1], seeds=[4, 5, 6])
    together = train(nets, data, 3, lr=[0.01, 0.02, 0.03], seeds=[7, 8, 9], **options)
    again, seeds = Ensemble([1, 6, 6, 1], seeds=[4, 5, 6]), np.array([7, 8, 9])
    arrays = train(again, data, 3, lr=np.array([0.01, 0.02, 0.03]), seeds=seeds, **options)
    assert (arrays.losses == together.losses).all()
    for k in range(3):
        alone = MLP([1, 6, 6, 1], seed=4 + k)
        history = train(alone, data, 3, lr=0.01 * (1 + k), seed=7 + k, **options)
        assert history.losses == pytest.approx(together.losses[:, k], rel=1e-6)
        assert alone.params == pytest.approx(nets[k].params, rel=1e-4, abs=1e-6)


def test_bad_rates_and_seeds():
    """Catches: a network without a rate; two that draw from one Generator, in an order that nobody promised."""
    nets, one = Ensemble([1, 4, 1], range(3)), np.random.default_rng(0)
    before = nets.params.copy()
    for options, said in (
        ({"lr": [0.1, 0.2]}, r"lr is \[0.1, 0.2\]: give one number, or one for each of the 3 networks"),
        ({"lr": [0.1, 0.2, 0.0]}, "lr is 0"),
        ({"lr": 0.01, "optimizer": Adam(0.01)}, "lr is 0.01, and optimizer has an lr of its own"),
        ({"seeds": [1, 2]}, r"seeds is \[1, 2\]: give one for each of the 3 networks"),
        ({"seeds": 3}, "seeds is 3: give one for each of the 3 networks"),
        ({"seeds": "012"}, "seeds is '012': give one for each of the 3 networks"),
        ({"seeds": [[0, 1], [2], [3, "x"]]}, r"seeds\[2\] is \[3, 'x'\]: give an integer >= 0"),
        ({"seeds": [0, -1, 2]}, r"seeds\[1\] is -1: give an integer >= 0, or a Generator"),
        ({"seeds": [0, 1, None]}, r"seeds\[2\] is None"),
        ({"seed": 0, "seeds": [1, 2, 3]}, "seed is 0, and seeds are given, too: give one of the two"),
        ({"lr": [0.1, "a", 0.2]}, "lr is 'a': give a number > 0"),
        ({"seeds": [one, np.random.default_rng(1), one]}, "same Generator twice"),
        ({"loss": "mae"}, "loss is 'mae': give 'mse' or 'huber'"),
        ({"fused": True}, "runs on a GPU"),
    ):
        with pytest.raises(ValueError, match=said):
            train(nets, DATA, 1, **options)
    assert (nets.params == before).all()
    with pytest.raises(ValueError, match=r"seeds is \[1\], and net is one network: give seed"):
        train(MLP([1, 4, 1]), DATA, 1, seeds=[1])
    assert len(train(nets, DATA, 1, fused=False)) == 1


@pytest.mark.parametrize("lr", [np.float32(0.5), np.array(0.5), 1])
def test_a_rate_may_be_any_number(lr):
    """Catches: one number that is taken for a list of them."""
    nets = Ensemble([1, 4, 1], range(2))
    same = nets.to("cpu").params.copy()
    history = train(nets, DATA, 2, lr=lr)
    assert (nets.params != same).any()
    nets.params = same
    assert (train(nets, DATA, 2, lr=float(lr)).losses == history.losses).all()
