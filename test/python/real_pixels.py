"""Makes an EchoNet-Dynamic folder from real pixels: `python real_pixels.py OUT [--clips N]`.

The pixels are the apical four-chamber cine of the PyPI package pydicom-data (MIT). The tracings and labels are DRAWN BY
THIS TEST around the cavity that a person sees there: they are no measurement, and nothing learned from them means anything.
"""

import argparse
import csv
import hashlib
from pathlib import Path

import cv2
import data_store
import numpy as np
import pydicom
from pydicom.encaps import generate_frames

SHA256 = "c8798b8abf8ae0a18e8c9952e7c7f75f3cc8465234b1b63f9e3ba3bebb9d5625"
SIZE = 112
CROP = (40, 155, 365)  # top, left, side of the square that holds the sector, in pixels of the cine
APEX, BASE = np.array([345.0, 125.0]), np.array([360.0, 258.0])  # drawn by eye, x and y in the cine
HALF_WIDTH = 40.0  # of the cavity at its widest, in pixels of the cine
SPLITS = ["TRAIN"] * 6 + ["VAL"] * 2 + ["TEST"] * 2


def cine() -> list[np.ndarray]:
    path = Path(next(iter(data_store.__path__))) / "data" / "color3d_jpeg_baseline.dcm"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path.name}: expected sha256 {SHA256}, got {found}")
    dataset = pydicom.dcmread(path)
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))
    top, left, side = CROP
    grey = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE) for frame in frames]
    return [cv2.resize(g[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA) for g in grey]


def chords(scale: float) -> list[list[float]]:
    """The long axis and twenty chords of a drawn half-ellipse, apex first, in pixels of the clip."""
    top, left, side = CROP
    to_clip = SIZE / side
    axis = (BASE - APEX) * (0.75 + 0.25 * scale)
    across = np.array([axis[1], -axis[0]]) / np.linalg.norm(axis)
    origin = np.array([left, top])
    rows = [np.concatenate([APEX - origin, APEX + axis - origin])]
    for t in (np.arange(20) + 0.5) / 20:
        half = HALF_WIDTH * scale * np.sqrt(1 - (1 - t) ** 2)
        middle = APEX + t * axis - origin
        rows.append(np.concatenate([middle - half * across, middle + half * across]))
    return [[float(v) * to_clip for v in row] for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=20)
    options = parser.parse_args()
    frames = cine()
    videos = options.out / "Videos"
    videos.mkdir(parents=True)
    (options.out / "README.txt").write_text(__doc__)
    random = np.random.default_rng(0)
    with open(options.out / "FileList.csv", "w", newline="") as list_file, open(
        options.out / "VolumeTracings.csv", "w", newline=""
    ) as tracing_file:
        files, tracings = csv.writer(list_file), csv.writer(tracing_file)
        files.writerow("FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split".split(","))
        tracings.writerow("FileName,X1,Y1,X2,Y2,Frame".split(","))
        for i in range(options.clips):
            name = f"DRAWNBYTEST{i:03d}"
            start = int(random.integers(0, 70))
            clip = frames[start : start + 40]
            writer = cv2.VideoWriter(str(videos / f"{name}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (SIZE, SIZE))
            for frame in clip:
                writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
            writer.release()
            edv = float(random.uniform(60, 180))
            ef = float(random.uniform(25, 70))
            files.writerow([name, ef, edv * (1 - ef / 100), edv, SIZE, SIZE, 30, len(clip), SPLITS[i % len(SPLITS)]])
            ed, es = sorted(random.choice(40, 2, replace=False))
            for frame, scale in ((ed, 1.0), (es, 0.7)):
                for row in chords(scale):
                    tracings.writerow([f"{name}.avi", *(f"{v:.6f}" for v in row), frame])


if __name__ == "__main__":
    main()
