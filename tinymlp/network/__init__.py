"""The network: parameters, and what it computes from them.

parameters       one flat vector, seen layer by layer
mlp              MLP
line             Line: a network of several inputs on a line through them
ensemble         Ensemble: many networks, one matrix
npz_files        MLP.save and MLP.load, which believes nothing

Networks of others. Readers make a graph, which is rewritten as one chain of ReLU layers, and held against its source:

arrays           arrays of any maker, as NumPy's
activations      leaky ReLU with any slope, clips: sums of ReLUs
graph            vectors, and what is computed from them
rewrite          from a graph to layers
checks           never silently another network
torch_modules    MLP.from_torch
torch_layers     what its activations and norms compute
state_dicts      which of its arrays are layers, and in which order
sklearn_models   MLP.from_sklearn
keras_models     MLP.from_keras
onnx_files       MLP.from_onnx, net.to_onnx
onnx_graph       from its nodes to a vector
onnx_operations  what each of them computes
onnx_shapes      where the samples are
nnet_files       MLP.from_nnet
text             net.to_json, net.to_torch_state, MLP.from_safetensors
"""
