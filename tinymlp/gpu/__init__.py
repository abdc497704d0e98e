"""CUDA: each kernel is a NumPy function again, written for one thread of many.

kernels         checks, casts and launches layer.cu (backprop's elementwise functions) and adam.cu (Adam's step)
train_kernel    the same for train.cu: a whole training run of many networks in one launch
on_cpu          compiles CUDA sources with g++ and runs them on NumPy arrays, where there is no GPU
"""
