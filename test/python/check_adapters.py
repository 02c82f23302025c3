"""Reads adapters that this project writes with PEFT and computes the same: `python check_adapters.py FOLDER`.

FOLDER is as check_models.py has it. Before outputs are compared, PEFT's own names for what it would save are compared with those
in the file: PEFT ignores what it does not know and leaves alone what is missing.
"""

import json
import re
import sys
from pathlib import Path

import torch
from check_models import compare, encoder, siglip
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file


def names_in(folder: Path) -> set[str]:
    with safe_open(folder / "adapter" / "adapter_model.safetensors", "pt") as file:
        return set(file.keys())


def names_of_peft(folder: Path, case: dict) -> set[str]:
    """Without the copies of a saved module's biases, which PEFT writes and does not compute with (bias "all")."""
    if case["base"] == "siglip":
        base = siglip(folder / "base")
    else:
        base = encoder(json.loads((folder / "base" / "config.json").read_text()))
        base.load_state_dict(load_file(folder / "base" / "model.safetensors"), strict=True)
    names = get_peft_model_state_dict(PeftModel.from_pretrained(base, folder / "adapter"))
    return {name for name in names if not re.search(r"\.(original_module|modules_to_save)\.", name)}


def check(folder: Path) -> dict[str, float]:
    ours, theirs = names_in(folder), names_of_peft(folder, json.loads((folder / "case.json").read_text()))
    if ours != theirs:
        raise SystemExit(f"{folder.name}: ours alone {sorted(ours - theirs)}, theirs alone {sorted(theirs - ours)}")
    return compare(folder)


def main() -> None:
    torch.set_num_threads(1)
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/case.json"))
    with torch.inference_mode():
        print(json.dumps({folder.name: check(folder) for folder in folders}))


if __name__ == "__main__":
    main()
