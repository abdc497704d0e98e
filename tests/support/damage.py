"""Files with one byte changed, one after the other."""

import random
from collections.abc import Iterator
from pathlib import Path


def with_a_byte_flipped(path: Path, count: int) -> Iterator[int]:
    """Change a random byte of a file, and put it back; yields which byte it is."""
    blob, rng = path.read_bytes(), random.Random(0)
    with path.open("r+b", buffering=0) as file:
        for _ in range(count):
            place = rng.randrange(len(blob))
            for byte in (blob[place] ^ rng.randrange(1, 256), None, blob[place]):
                if byte is None:
                    yield place
                else:
                    file.seek(place)
                    file.write(bytes([byte]))
