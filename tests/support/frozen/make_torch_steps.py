"""Make torch_steps.json, ten optimizer steps by PyTorch in float64, for test_optim.py. Needs torch."""

import json
from pathlib import Path

import torch
from torch import nn

CASES = {
    "adam": (0.0, torch.optim.Adam, {"lr": 0.01}),
    "adam-other": (0.01, torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    "adam-no-momentum": (0.0, torch.optim.Adam, {"lr": 0.01, "betas": (0.0, 0.99)}),
    "sgd": (0.0, torch.optim.SGD, {"lr": 0.05}),
    "sgd-momentum": (0.2, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
}


def flat(model):
    """[W | b] of each layer, row by row."""
    layers = [m for m in model if isinstance(m, nn.Linear)]
    return torch.cat([torch.cat([m.weight, m.bias[:, None]], 1).flatten() for m in layers]).tolist()


def main():
    torch.set_default_dtype(torch.float64)
    x = torch.linspace(-2, 2, 12).reshape(-1, 1)
    y = torch.cat([torch.sin(2 * x), x**2], 1)
    frozen = {"torch": torch.__version__, "sizes": [1, 4, 3, 2], "x": x[:, 0].tolist(), "y": y.tolist(), "cases": {}}
    for name, (slope, make, options) in CASES.items():
        torch.manual_seed(0)
        act = nn.LeakyReLU(slope) if slope else nn.ReLU()
        model = nn.Sequential(nn.Linear(1, 4), act, nn.Linear(4, 3), act, nn.Linear(3, 2))
        optimizer = make(model.parameters(), **options)
        params, losses = [flat(model)], []
        for _ in range(10):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            params.append(flat(model))
        frozen["cases"][name] = {
            "negative_slope": slope,
            "optimizer": make.__name__,
            "options": options,
            "losses": losses,
            "params_before": params[0],
            "params_after": params[-1],
        }
    Path(__file__).with_name("torch_steps.json").write_text(json.dumps(frozen, indent=1) + "\n")


if __name__ == "__main__":
    main()
