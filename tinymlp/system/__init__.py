"""What a program owes the machine that it shares: files whole or not at all, and nothing left changed behind.

files       a file is written whole, or stays as it was
memory      what cannot fit is refused before it is tried
threads     how many threads BLAS uses, given back
progress    progress bars that cannot stop the work
signals     Ctrl-C, SIGTERM and a closed terminal end the command in order
processes   worker processes that end with the one that started them
"""
