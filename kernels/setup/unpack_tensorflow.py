"""Unpacks from a TensorFlow wheel what an addon is compiled and linked with: `unpack_tensorflow.py WHEEL FOLDER`."""

import re
import sys
import zipfile
from pathlib import Path

needed = re.compile(r"^tensorflow/(libtensorflow_(cc|framework)\.[^/]+|include/.+|python/platform/build_info\.py)$")
wheel, folder = sys.argv[1], Path(sys.argv[2])
with zipfile.ZipFile(wheel) as archive:
    names = [name for name in archive.namelist() if needed.match(name) and not name.endswith("/")]
    for name in names:
        target = folder / Path(name).relative_to("tensorflow")
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, target.open("wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
print(len(names))
