"""The network: parameters, and what it computes from them.

parameters    one flat vector, seen layer by layer
mlp           MLP
line          Line: a network of several inputs on a line through them
ensemble      Ensemble: many networks, one matrix
formats       weights from PyTorch and scikit-learn, read without either
"""
