"""From data to a trained network.

backprop            forward and backward, by hand
optim               Adam, SGD
gradients           what a step needs: the losses and their gradients, from samples or from segments, in batches
hold_fixed          parameters that do not learn
hold_ties           rewritten activations that learn as what they were
step_by_step        one optimizer step after the other
fused               whole runs of epochs in one launch on a GPU
history             History, and the Recorder that writes it
train               train()

prefix_sums, moments, segment_gradient    training on segments: the loss from a few sums for each region
integrals, closed_forms                   the sums of infinitely many samples of a function
huber                                     Huber's loss, between a network's segments and a function
"""
