"""Opens quantized towers with transformers, bitsandbytes and PEFT and computes the same: `python check_quantized.py FOLDER`.

FOLDER holds one folder a case: `base/` (a SigLIP vision tower as the project writes it, `quantization_config` in its
config.json), `adapter/` where there is one, `io.safetensors` (`input.images` NHWC, `output.*` as the project computes them).
Prints one JSON document: for each case the worst |theirs - ours| / max(1, max |ours|) of each output. With `--make SOURCE` it
writes such bases itself from a tower at full precision, each with its outputs in `theirs.safetensors`.
"""

import json
import sys
from pathlib import Path

import bitsandbytes as bnb
import torch
import torchvision_import  # noqa: F401
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, SiglipVisionModel

made = {
    "int8": {"load_in_8bit": True},
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "nf4 nested": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
}


def weights_only(model: torch.nn.Module) -> torch.nn.Module:
    """Leaves inputs at full precision: in training mode bitsandbytes multiplies by the dequantized weight. Nothing else of a
    SigLIP tower depends on the mode (no dropout), and its processor kernels for bfloat16 stay out of it."""
    for module in model.modules():
        if isinstance(module, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)):
            module.train()
    return model


def outputs(model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    return model(pixel_values=pixels.permute(0, 3, 1, 2).contiguous()).last_hidden_state


def compare(folder: Path) -> dict[str, float]:
    io = load_file(folder / "io.safetensors")
    images = io["input.images"]
    model = SiglipVisionModel.from_pretrained(folder / "base", device_map="cpu").eval()
    if not any(isinstance(m, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)) for m in model.modules()):
        raise SystemExit(f"{folder.name}: nothing is quantized")
    theirs = {}
    if "output.llm_int8" in io:
        theirs["llm_int8"] = outputs(model, images)
    theirs["plain"] = outputs(weights_only(model), images)
    adapted = PeftModel.from_pretrained(model, folder / "adapter").eval()
    theirs["adapted"] = outputs(weights_only(adapted), images)
    theirs["merged"] = outputs(weights_only(adapted.merge_and_unload()), images)
    ours = {name.removeprefix("output."): value for name, value in io.items() if name.startswith("output.")}
    if theirs.keys() != ours.keys():
        raise SystemExit(f"{folder.name}: ours {sorted(ours)}, theirs {sorted(theirs)}")
    return {n: float((theirs[n] - y).abs().max() / max(1.0, float(y.abs().max()))) for n, y in ours.items()}


def make(root: Path, source: Path) -> None:
    images = load_file(root / "images.safetensors")["images"]
    for name, options in made.items():
        model = SiglipVisionModel.from_pretrained(
            source, quantization_config=BitsAndBytesConfig(**options), device_map="cpu"
        ).eval()
        model.save_pretrained(root / name)
        theirs = {"plain": outputs(weights_only(model), images)}
        if name == "int8":
            theirs["llm_int8"] = outputs(model.eval(), images)
        save_file(theirs, root / name / "theirs.safetensors")


def main() -> None:
    torch.set_num_threads(2)
    torch._dynamo.config.disable = True
    root = Path(sys.argv[1])
    with torch.inference_mode():
        if "--make" in sys.argv:
            make(root, Path(sys.argv[sys.argv.index("--make") + 1]))
        else:
            folders = sorted(path.parent for path in root.glob("*/io.safetensors"))
            print(json.dumps({folder.name: compare(folder) for folder in folders}))


if __name__ == "__main__":
    main()
