"""From data to a trained network.

backprop            forward and backward, by hand
optim               Adam, SGD
gradients           what a step needs: the loss and its gradient, from samples or from segments
hold_fixed          parameters that do not learn
step_by_step        one optimizer step after the other
fused               whole runs of epochs in one launch on a GPU
history             History, and the Recorder that writes it
train               train()

prefix_sums, integrals, moments, segment_gradient    training without samples: the loss from six sums for each region
"""
