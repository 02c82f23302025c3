"""Imports torchvision, which timm needs for its transforms, also beside a torch of another build.

PyPI's torchvision is built for CUDA; its compiled operators do not load beside a torch for the processor, and its import then
fails on the first operator that it describes. None of them is used here, so their schemas alone are declared.
"""

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    _operators = torch.library.Library("torchvision", "FRAGMENT")
    _operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # noqa: F401
