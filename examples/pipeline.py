"""The segments of a scikit-learn pipeline, in its own units: pip install scikit-learn; python examples/pipeline.py

A house price by its floor area, learnt by a network between two scalers, found by a grid search. `MLP.from_sklearn`
folds the scalers into the network, so its segments are in square metres and thousands.
"""

import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tinymlp import MLP, dead_units, extract_segments


def main() -> None:
    rng = np.random.default_rng(0)
    area = rng.uniform(20, 220, (400, 1))
    price = np.interp(area[:, 0], [20, 80, 120, 220], [90, 240, 420, 520]) + rng.normal(0, 8, 400)

    network = MLPRegressor(hidden_layer_sizes=(12,), solver="lbfgs", max_iter=2000, random_state=0)
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler((-1, 1)), network)
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    search = GridSearchCV(model, {"regressor__mlpregressor__alpha": [1e-4, 1e-2]}, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that lbfgs stops at max_iter
        search.fit(area, price)

    net = MLP.from_sklearn(search)
    assert np.allclose(net(area)[:, 0], search.predict(area))  # the scalers are inside
    f = extract_segments(net, (20, 220))
    print(f"{len(f)} segments, certified: {f.certified}")
    for segment in f:
        print(f"from {segment.start:6.1f} to {segment.stop:6.1f} m2: {segment.slope:6.2f} thousand per m2")
    print(
        f"at 300 thousand: {f.solve(300).round(1).tolist()} m2; the most: {f.maximum().y:.0f} at {f.maximum().x:.0f} m2"
    )
    print(dead_units(net, (20, 220)))


if __name__ == "__main__":
    main()
