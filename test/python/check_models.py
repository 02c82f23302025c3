"""Reads what this project writes with the libraries it is meant for and computes the same: `python check_models.py FOLDER`.

FOLDER holds one folder a case: checkpoints and adapters as the project writes them, `case.json` (its kind) and
`io.safetensors` (`input.*`, and `output.*` as the project computes them; images NHWC, maps NHWC). Prints one JSON document:
for each case the worst |theirs - ours| / max(1, max |ours|) of each output.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torchvision_import  # noqa: F401  (before timm)
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file
from timm.layers import get_norm_layer
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.mobilenetv5 import MobileNetV5Encoder, MobileNetV5MultiScaleFusionAdapter
from transformers import Gemma3nForCausalLM, Gemma3nModel, SiglipVisionModel


def images(values: torch.Tensor) -> torch.Tensor:
    return values.permute(0, 3, 1, 2).contiguous()


def nhwc(values: torch.Tensor) -> torch.Tensor:
    return values.permute(0, 2, 3, 1)


def encoder(config: dict) -> MobileNetV5Encoder:
    """timm's encoder of a configuration of ours, whose names are timm's arguments; its fused width is fixed in timm."""
    norm = partial(get_norm_layer("rmsnorm2d"), eps=config["norm_eps"])
    model = MobileNetV5Encoder(
        decode_arch_def(config["arch_def"]),
        in_chans=config.get("in_chans", 3),
        stem_size=config["stem_size"],
        stem_bias=config.get("stem_bias", True),
        fix_stem=config.get("fix_stem", False),
        pad_type=config["pad_type"],
        msfa_indices=tuple(config["msfa_indices"]),
        msfa_output_resolution=config["msfa_output_resolution"],
        act_layer=partial(torch.nn.GELU, approximate="tanh"),
        norm_layer=norm,
        round_chs_fn=partial(round_channels, multiplier=config.get("channel_multiplier", 1.0)),
        layer_scale_init_value=config["layer_scale_init_value"],
    )
    model.msfa = MobileNetV5MultiScaleFusionAdapter(
        in_chs=model.msfa_in_chs,
        out_chs=config["num_features"],
        output_resolution=model.msfa_output_resolution,
        norm_layer=norm,
        act_layer=partial(torch.nn.GELU, approximate="tanh"),
    )
    return model.eval()


def loaded(kind: type, folder: Path, **options) -> torch.nn.Module:
    """A model by transformers' own loading, which must find every entry it has and no other."""
    model, info = kind.from_pretrained(folder, output_loading_info=True, **options)
    problems = {name: sorted(map(str, found)) for name, found in info.items() if found}
    if problems:
        raise SystemExit(f"{folder.name}: {problems}")
    return model.eval()


def siglip(folder: Path) -> SiglipVisionModel:
    return loaded(SiglipVisionModel, folder)


def siglip_outputs(model: torch.nn.Module, pixels: torch.Tensor, interpolate: bool) -> dict[str, torch.Tensor]:
    out = model(pixel_values=images(pixels), output_hidden_states=True, interpolate_pos_encoding=interpolate)
    named = {f"hidden_states.{i}": state for i, state in enumerate(out.hidden_states)}
    named["last_hidden_state"] = out.last_hidden_state
    if out.pooler_output is not None:
        named["pooler_output"] = out.pooler_output
    return named


def encoder_outputs(model: torch.nn.Module, stages: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    hooks = [
        stage.register_forward_hook(lambda _m, _i, out, s=s: found.__setitem__(f"stage.{s}", nhwc(out)))
        for s, stage in enumerate(stages)
    ]
    found["output"] = nhwc(model(images(pixels)))
    for hook in hooks:
        hook.remove()
    return found


def check_siglip(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    return siglip_outputs(siglip(folder), given["images"], case["interpolate"])


def check_encoder(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    model = encoder(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return encoder_outputs(model, model.blocks, given["images"])


def check_student(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    config = json.loads((folder / "student.json").read_text())
    weights = load_file(folder / "student.safetensors")
    part = lambda prefix: {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}
    model = encoder(config["backbone"])
    model.load_state_dict(part("backbone."), strict=True)
    pooled = [model(images(given[frame])).mean((2, 3)) for frame in ("ED", "ES")]
    linear = lambda x, p: torch.nn.functional.linear(x, p["weight"], p["bias"])
    fused = torch.nn.functional.gelu(linear(torch.cat(pooled, 1), part("fusion.")))
    heads = [linear(fused, part(f"heads.{target}.")) for target in ("EDV", "ESV", "EF")]
    return {"targets": torch.cat(heads, 1)}


def check_training(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    """Every weight trained by torch: AdamW whose decay leaves vectors alone, clipping, the case's rates; losses and final weights."""
    config = json.loads((folder / "student.json").read_text())
    weights = load_file(folder / "student.safetensors")
    part = lambda prefix: {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}
    model = torch.nn.ModuleDict({"backbone": encoder(config["backbone"])})
    model["backbone"].load_state_dict(part("backbone."), strict=True)
    for name in ("fusion", "heads.EDV", "heads.ESV", "heads.EF"):
        layer = torch.nn.Linear(*reversed(part(f"{name}.")["weight"].shape))
        layer.load_state_dict(part(f"{name}."))
        model[name.replace(".", "_")] = layer
    named = dict(model.named_parameters())
    decays = lambda wanted: [p for p in named.values() if (p.ndim > 1) == wanted]
    groups = [{"params": decays(True)}, {"params": decays(False), "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=case["betas"], eps=case["eps"], weight_decay=case["weight_decay"])
    found = {}
    with torch.enable_grad():
        frames = {frame: images(given[frame]) for frame in ("ED", "ES")}
        for step, rate in enumerate(case["rates"]):
            for group in optimizer.param_groups:
                group["lr"] = rate
            pooled = [model["backbone"](frames[frame]).mean((2, 3)) for frame in ("ED", "ES")]
            fused = torch.nn.functional.gelu(model["fusion"](torch.cat(pooled, 1)))
            heads = [model[f"heads_{target}"](fused) for target in ("EDV", "ESV", "EF")]
            loss = torch.nn.functional.mse_loss(torch.cat(heads, 1), given["targets"])
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), case["max_grad_norm"])
            optimizer.step()
            found[f"loss.{step}"], found[f"norm.{step}"] = loss.detach(), norm.detach()
    return found | {name.replace("heads_", "heads."): p.detach() for name, p in named.items()}


def check_adapter(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    """The adapted model, and the same after merge_and_unload, against our outputs."""
    if case["base"] == "siglip":
        base = siglip(folder / "base")
        outputs = lambda model, _inner: siglip_outputs(model, given["images"], False)
    else:
        base = encoder(json.loads((folder / "base" / "config.json").read_text()))
        base.load_state_dict(load_file(folder / "base" / "model.safetensors"), strict=True)
        outputs = lambda model, inner: encoder_outputs(model, inner.blocks, given["images"])
    before = outputs(base, base)
    adapted = PeftModel.from_pretrained(base, folder / "adapter").eval()
    loaded = outputs(adapted, adapted.base_model.model)
    last = list(loaded)[-1]
    if torch.equal(before[last], loaded[last]):
        raise SystemExit(f"{folder.name}: the adapter changes nothing")
    merged = adapted.merge_and_unload()
    found = {f"adapted.{name}": value for name, value in loaded.items()}
    return found | {f"merged.{name}": value for name, value in outputs(merged, merged).items()}


def check_half(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    """A shard of the feature cache: half-precision entries, bit by bit NumPy's rounding."""
    with safe_open(folder / "shard.safetensors", "pt") as shard:
        stored = {name: shard.get_tensor(name) for name in shard.keys()}
    for name, value in stored.items():
        expected = given[name].numpy().astype(np.float16)
        if value.dtype != torch.float16 or not np.array_equal(value.numpy().view(np.uint16), expected.view(np.uint16)):
            raise SystemExit(f"{folder.name}: {name} is not NumPy's half precision")
    return {name: value.float() for name, value in stored.items()}


def check_gemma3n_text(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    """Hidden states and logits of a language model, where there is no padding."""
    model = loaded(Gemma3nForCausalLM, folder / "model", attn_implementation="eager", dtype=torch.float32)
    mask = given["attention_mask"].long()
    out = model(input_ids=given["input_ids"].long(), attention_mask=mask, output_hidden_states=True, use_cache=False)
    named = {f"hidden_states.{i}": state for i, state in enumerate(out.hidden_states)}
    last = model.model(input_ids=given["input_ids"].long(), attention_mask=mask, use_cache=False).last_hidden_state
    found = named | {"last_hidden_state": last, "logits": out.logits}
    return {name: torch.where(mask.bool().unsqueeze(-1), value, 0.0) for name, value in found.items()}


def check_gemma3n_vision(folder: Path, case: dict, given: dict) -> dict[str, torch.Tensor]:
    """The image features of a whole Gemma 3n, whose language model was sliced."""
    model = loaded(Gemma3nModel, folder / "model", dtype=torch.float32)
    return {"image_features": model.get_image_features(images(given["images"])).pooler_output}


checks = {
    "siglip": check_siglip,
    "encoder": check_encoder,
    "student": check_student,
    "training": check_training,
    "adapter": check_adapter,
    "half": check_half,
    "gemma3n_text": check_gemma3n_text,
    "gemma3n_vision": check_gemma3n_vision,
}


def compare(folder: Path) -> dict[str, float]:
    case = json.loads((folder / "case.json").read_text())
    io = load_file(folder / "io.safetensors")
    given = {name.removeprefix("input."): value for name, value in io.items() if name.startswith("input.")}
    ours = {name.removeprefix("output."): value for name, value in io.items() if name.startswith("output.")}
    theirs = checks[case["kind"]](folder, case, given)
    if not ours or ours.keys() - theirs.keys():
        raise SystemExit(f"{folder.name}: ours {sorted(ours)}, theirs {sorted(theirs)}")
    return {
        name: float((theirs[name] - value).abs().max() / max(1.0, float(value.abs().max())))
        for name, value in ours.items()
    }


def main() -> None:
    torch.set_num_threads(2)
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/case.json"))
    with torch.no_grad():
        print(json.dumps({folder.name: compare(folder) for folder in folders}))


if __name__ == "__main__":
    main()
