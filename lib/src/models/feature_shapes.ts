import { symmetricPadding } from '../ops/pad.js';
import { architecture, type Block } from './mobilenet_v5_arch.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';
import { patchGrid, type SiglipVisionConfig } from './siglip_vision_config.js';

/** Height, width and channels of a feature of one image. */
export type FeatureShape = readonly [height: number, width: number, channels: number];

/** The token features of a SigLIP tower by name as maps, for images of the given size; nothing is computed. */
export function siglipFeatureShapes(
  config: SiglipVisionConfig,
  size: readonly [number, number],
): Map<string, FeatureShape> {
  const shape: FeatureShape = [...patchGrid(config, size), config.hidden_size];
  const layers = Array.from({ length: config.num_hidden_layers + 1 }, (_, i) => `hidden_states.${i}`);
  return new Map([...layers, 'last_hidden_state'].map((name) => [name, shape]));
}

/** Cells along one axis after a k×k convolution. */
function convolved(n: number, k: number, stride: number, pad: MobileNetV5Config['pad_type']): number {
  if (pad === 'same') return Math.ceil(n / stride);
  return Math.floor((n + 2 * symmetricPadding(k, stride) - k) / stride) + 1;
}

/** Kernel size and stride of the spatial convolutions that a block's output has gone through. */
function spatialLayers(block: Block): [kernel: number, stride: number][] {
  switch (block.type) {
    case 'er':
      return [[block.exp_kernel_size, block.stride]];
    case 'mqa':
      return [];
    case 'uir': {
      const { dw_kernel_size_start: start, dw_kernel_size_mid: mid, dw_kernel_size_end: end, stride } = block;
      const layers: [number, number][] = [
        [start, mid > 0 ? 1 : stride],
        [mid, stride],
        [end, start > 0 || mid > 0 ? 1 : stride],
      ];
      return layers.filter(([kernel]) => kernel > 0);
    }
  }
}

/** The features of a MobileNetV5 encoder by name, for images of the given size; nothing is computed. */
export function mobilenetV5FeatureShapes(
  config: MobileNetV5Config,
  size: readonly [number, number],
): Map<string, FeatureShape> {
  const { stem_chs, stages, fused } = architecture(config);
  const shapes = new Map<string, FeatureShape>();
  let map = size;
  const step = (kernel: number, stride: number): void => {
    map = [convolved(map[0], kernel, stride, config.pad_type), convolved(map[1], kernel, stride, config.pad_type)];
  };
  step(3, 2);
  shapes.set('stem', [...map, stem_chs]);
  for (const [s, blocks] of stages.entries()) {
    for (const [b, block] of blocks.entries()) {
      for (const [kernel, stride] of spatialLayers(block)) step(kernel, stride);
      const shape: FeatureShape = [...map, block.out_chs];
      if (block.type === 'mqa') shapes.set(`blocks.${s}.${b}.attn`, shape);
      shapes.set(`blocks.${s}.${b}`, shape);
      if (b === blocks.length - 1) shapes.set(`stage.${s}`, shape);
    }
  }
  const [first = 0] = fused;
  const [height, width] = shapes.get(first < 0 ? 'stem' : `stage.${first}`) ?? size;
  shapes.set('msfa.ffn', [height, width, config.num_features]);
  return shapes.set('output', [...config.msfa_output_resolution, config.num_features]);
}
