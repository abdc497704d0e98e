"""Models of scikit-learn, by stand-ins with the attributes that the real ones have.

That the real ones are read alike was seen by hand with scikit-learn 1.9.1, and is tested by examples/pipeline.py.
"""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from tinymlp import MLP


def stand_in(kind, **attributes):
    return type(kind, (), attributes)()


def regressor(rng, sizes=(2, 4, 3), **attributes):
    coefs = [rng.normal(size=(i, o)) for i, o in pairwise(sizes)]
    intercepts = [rng.normal(size=o) for o in sizes[1:]]
    return stand_in("MLPRegressor", **{"coefs_": coefs, "intercepts_": intercepts, "activation": "relu", **attributes})


def predict(model, x):
    a = np.maximum(x @ model.coefs_[0] + model.intercepts_[0], 0)
    return a @ model.coefs_[1] + model.intercepts_[1]


def test_from_sklearn():
    """Catches: scikit-learn's (in, out) weights taken for (out, in); other activations taken for ReLU."""
    rng = np.random.default_rng(3)
    model = regressor(rng)
    x = rng.normal(size=(5, 2))
    assert MLP.from_sklearn(model)(x) == pytest.approx(predict(model, x))
    with pytest.raises(ValueError, match="activation 'tanh'"):
        MLP.from_sklearn(regressor(rng, activation="tanh"))
    with pytest.raises(ValueError, match="not fitted"):
        MLP.from_sklearn(SimpleNamespace(activation="relu"))
    with pytest.raises(ValueError, match="holds a SVR: give an MLPClassifier"):
        MLP.from_sklearn(stand_in("SVR"))


def test_scalers_are_folded():
    """Catches: a scaler forgotten, the wrong way round or at the wrong end; a search not looked into."""
    rng = np.random.default_rng(4)
    inner = regressor(rng)
    standard = stand_in("StandardScaler", with_mean=True, mean_=np.array([3.0, -1.0]), scale_=np.array([2.0, 0.5]))
    unit = stand_in("MinMaxScaler", min_=np.array([0.5, 1.0]), scale_=np.array([0.1, 3.0]), clip=False)
    pipeline = stand_in("Pipeline", steps=[("a", standard), ("b", "passthrough"), ("c", unit), ("d", inner)])
    back = stand_in("StandardScaler", with_mean=True, mean_=np.array([1.0, 2.0, 3.0]), scale_=np.array([9.0, 8.0, 7.0]))
    target = stand_in("TransformedTargetRegressor", regressor_=pipeline, transformer_=back)
    x = rng.normal(size=(9, 2)) * 4
    scaled = (x - standard.mean_) / standard.scale_ * unit.scale_ + unit.min_
    truth = predict(inner, scaled) * back.scale_ + back.mean_
    assert MLP.from_sklearn(stand_in("GridSearchCV", best_estimator_=target))(x) == pytest.approx(truth)
    target.transformer_ = stand_in("MinMaxScaler", min_=back.mean_, scale_=back.scale_, clip=False)
    assert MLP.from_sklearn(target)(x) == pytest.approx((predict(inner, scaled) - back.mean_) / back.scale_)
    target.transformer_ = stand_in("FunctionTransformer", func=None, inverse_func=None)
    assert MLP.from_sklearn(target)(x) == pytest.approx(predict(inner, scaled))
    target.transformer_ = stand_in("FunctionTransformer", func=np.log, inverse_func=np.exp)
    for model, match in [
        (target, "holds a FunctionTransformer: only StandardScaler and MinMaxScaler"),
        (stand_in("Pipeline", steps=[("a", stand_in("PCA")), ("d", inner)]), "holds a PCA"),
        (stand_in("Pipeline", steps=[("a", stand_in("StandardScaler")), ("d", inner)]), "not fitted"),
        (stand_in("Pipeline", steps=[("a", unit), ("d", stand_in("Ridge"))]), "holds a Ridge"),
    ]:
        with pytest.raises(ValueError, match=match):
            MLP.from_sklearn(model)
    unit.clip = True
    with pytest.raises(ValueError, match="clip=True"):
        MLP.from_sklearn(pipeline)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("exp", r"before exp: np\.exp of them"),
        ("softmax", "the greatest is the class"),
        ("logistic", "the sign decides"),
    ],
)
def test_output_activations_are_told(last, words):
    """Catches: loss="poisson" or a classifier whose outputs are not what predict gives, without a word."""
    with pytest.warns(UserWarning, match=words):
        MLP.from_sklearn(regressor(np.random.default_rng(5), out_activation_=last))


def test_models_are_compared_and_odd_ones_told():
    """Catches: a mean that a scaler keeps and does not use; a scaler after exp; a subclass of another mind."""
    rng = np.random.default_rng(6)
    inner, x = regressor(rng), rng.normal(size=(5, 2))
    scaler = stand_in("StandardScaler", with_mean=False, mean_=np.array([3.0, -1.0]), scale_=np.array([2.0, 0.5]))
    pipeline = stand_in("Pipeline", steps=[("a", scaler), ("b", inner)])
    assert MLP.from_sklearn(pipeline)(x) == pytest.approx(predict(inner, x / scaler.scale_))
    back = stand_in("StandardScaler", with_mean=True, mean_=np.zeros(3), scale_=np.ones(3))
    target = stand_in("TransformedTargetRegressor", regressor_=regressor(rng, out_activation_="exp"), transformer_=back)
    with pytest.raises(ValueError, match=r"comes after exp, .*give model\.regressor_"):
        MLP.from_sklearn(target)
    inner.predict = lambda x: predict(inner, x)
    assert MLP.from_sklearn(inner).sizes == (2, *inner.coefs_[0].shape[1:], 3)
    inner.predict = lambda x: 2 * predict(inner, x)
    with pytest.raises(ValueError, match=r"other values.*methods of its own"):
        MLP.from_sklearn(inner)
    binary = regressor(rng, (2, 4, 1), out_activation_="logistic")
    for turn in (1, -1):
        chance = lambda x, turn=turn: 1 / (1 + np.exp(-turn * predict(binary, x)))  # noqa: E731
        binary.predict_proba = lambda x, chance=chance: np.hstack([1 - chance(x), chance(x)])
        if turn == 1:
            with pytest.warns(UserWarning, match="the sign decides"):
                MLP.from_sklearn(binary)
        else:
            with pytest.raises(ValueError, match="other values"), pytest.warns(UserWarning, match="the sign"):
                MLP.from_sklearn(binary)
    with pytest.raises(ValueError, match="holds a BaggingRegressor, which has several models"):
        MLP.from_sklearn(stand_in("BaggingRegressor", estimator=None, estimators_=[inner]))
