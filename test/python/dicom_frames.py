"""Frames of the DICOM files of pydicom and pydicom-data as pydicom reads them: `python dicom_frames.py OUT`.

Writes OUT/index.json (name, path, height, width, and which frames) and OUT/<name>.grey, the grey values of those frames
one after the other (of some files also as copies with an extended offset table): luma as stored, BT.601 weights of red, green and blue, looked-up colours of a palette.
"""

import argparse
import json
import warnings
from pathlib import Path

import cv2
import data_store
import numpy as np
import pydicom
from pydicom.encaps import encapsulate_extended, generate_frames
from pydicom.pixels import apply_color_lut, pixel_array

STORES = [Path(next(iter(data_store.__path__))) / "data", Path(pydicom.__file__).parent / "data" / "test_files"]
LOSSLESS = """OBXXXX1A OBXXXX1A_2frame OBXXXX1A_expb OBXXXX1A_expb_2frame OBXXXX1A_rle OBXXXX1A_rle_2frame
  SC_rgb_2frame SC_rgb_expb_2frame SC_rgb_rle SC_rgb_rle_2frame SC_rgb_small_odd SC_rgb_small_odd_big_endian
  SC_ybr_full_422_uncompressed SC_ybr_full_uncompressed SC_rgb_jpeg_dcmd color-pl color-px ExplVR_BigEnd
  examples_palette examples_rgb_color image_dfl US1_UNCI vlut_04""".split()
JPEG = """color3d_jpeg_baseline examples_ybr_color SC_rgb_jpeg_dcmtk SC_jpeg_no_color_transform_2
  SC_rgb_small_odd_jpeg SC_rgb_dcmtk_+eb+cy+s2""".split()
EXTENDED = """OBXXXX1A_rle_2frame SC_rgb_rle_2frame color3d_jpeg_baseline""".split()
OTHERS = """JPGLosslessP14SV1_1s_1f_8b US1_J2KR JPEGLSNearLossless_08 gdcm-US-ALOKA-16 MR_small""".split()


def path_of(name: str) -> Path:
    return next(store / f"{name}.dcm" for store in STORES if (store / f"{name}.dcm").exists())


def with_extended_table(name: str, out: Path) -> Path:
    """A copy of a file with an extended offset table (7FE0,0001) in place of the basic one."""
    dataset = pydicom.dcmread(path_of(name))
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(list(frames))
    path = out / f"{name}_extended.dcm"
    dataset.save_as(path)
    return path


def luma(rgb: np.ndarray) -> np.ndarray:
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    return np.floor(0.299 * r + 0.587 * g + 0.114 * b + 0.5).astype(np.uint8)


def little_endian_palette(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """pydicom 3.0.2 looks colours up in a big-endian table as if it were little endian."""
    for colour in ("Red", "Green", "Blue"):
        table = dataset[f"{colour}PaletteColorLookupTableData"]
        table.value = np.frombuffer(table.value, ">u2").astype("<u2").tobytes()
    return dataset


def lossless(dataset: pydicom.Dataset) -> np.ndarray:
    values = pixel_array(dataset, raw=True)
    kind = dataset.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        if dataset.file_meta.TransferSyntaxUID.is_little_endian is False:
            dataset = little_endian_palette(dataset)
        values = apply_color_lut(values, dataset)
        values = luma((values >> 8).astype(np.uint8) if values.dtype == np.uint16 else values)
    elif kind == "RGB":
        values = luma(values)
    elif kind.startswith("YBR"):
        values = values[..., 0]
    return values.reshape(-1, dataset.Rows, dataset.Columns)


def jpeg(dataset: pydicom.Dataset) -> np.ndarray:
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
    grey = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE) for frame in frames]
    return np.stack(grey)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    index = [{"name": name, "path": str(path_of(name)), "kind": "refused"} for name in OTHERS]
    for kind, names, read in (("lossless", LOSSLESS, lossless), ("jpeg", JPEG, jpeg)):
        extended = [with_extended_table(name, out) for name in names if name in EXTENDED]
        for path in [path_of(name) for name in names] + extended:
            dataset, name = pydicom.dcmread(path), path.stem
            frames = read(dataset)
            chosen = sorted({0, len(frames) // 2, len(frames) - 1})
            (out / f"{name}.grey").write_bytes(frames[chosen].tobytes())
            size = {"height": dataset.Rows, "width": dataset.Columns, "frames": len(frames), "chosen": chosen}
            index.append({"name": name, "path": str(path), "kind": kind, **size})
    (out / "index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
