"""One function, many settings and seeds, on one machine or many: tables of which nothing is lost.

fingerprint    which code numbers come from: hashes of the package, of a function
journal        the rows on disk, as JSON Lines to which lines are only added
sweep          sweep(): the runs, on any executor
table          write_table(): rows as CSV or Parquet
"""
