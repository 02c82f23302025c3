import { architecture, type Block } from './mobilenet_v5_arch.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';
import { placedBlocks } from './mobilenet_v5_prefix.js';
import type { SiglipVisionConfig } from './siglip_vision_config.js';
import { patchGrid } from './siglip_vision_config.js';

/** Floating-point operations of convolutions and matrix products for one frame, a multiply-add counted as two. */
export function siglipFlops(config: SiglipVisionConfig, size: readonly [number, number]): number {
  const { hidden_size: D, intermediate_size: I, num_channels: C, patch_size: p, num_hidden_layers: L } = config;
  const [rows, columns] = patchGrid(config, size);
  const N = rows * columns;
  const embedding = 2 * N * D * C * p * p;
  const layer = 8 * N * D * D + 4 * N * N * D + 4 * N * D * I;
  const head = config.vision_use_head ? 4 * N * D * D + 4 * D * D + 4 * N * D + 4 * D * I : 0;
  return embedding + L * layer + head;
}

/** A map's rows and columns after a stride, padded to SAME. */
function reduced([rows, columns]: readonly [number, number], stride: number): [number, number] {
  return [Math.ceil(rows / stride), Math.ceil(columns / stride)];
}

/** Operations of one block on a map of `before` cells that leaves it with `after` cells. */
function blockFlops(block: Block, before: number, after: number, kv: number): number {
  const { in_chs, out_chs } = block;
  switch (block.type) {
    case 'er':
      return 2 * after * block.mid_chs * (in_chs * block.exp_kernel_size ** 2 + out_chs);
    case 'uir': {
      const { mid_chs, dw_kernel_size_start: start, dw_kernel_size_mid: mid, dw_kernel_size_end: end } = block;
      const expanded = mid > 0 ? before : after;
      const depthwise = expanded * in_chs * start ** 2 + after * (mid_chs * mid ** 2 + out_chs * end ** 2);
      return 2 * (depthwise + expanded * in_chs * mid_chs + after * mid_chs * out_chs);
    }
    case 'mqa': {
      const { num_heads, key_dim, kv_stride, dw_kernel_size } = block;
      const width = num_heads * key_dim;
      const down = kv_stride > 1 ? 2 * kv * in_chs * dw_kernel_size ** 2 : 0;
      return 2 * (after * width * (in_chs + out_chs) + down + 2 * kv * in_chs * key_dim + 2 * after * kv * width);
    }
  }
}

/**
 * Floating-point operations of convolutions and matrix products of a MobileNetV5 encoder for one frame, a multiply-add counted
 * as two; with `after` (`blocks.i.j`) those up to that block.
 */
export function mobilenetV5Flops(config: MobileNetV5Config, size: readonly [number, number], after?: string): number {
  const arch = architecture(config);
  const { stem_chs, fused, fused_chs } = arch;
  let map = reduced(size, 2);
  const cellsOf = ([rows, columns]: readonly [number, number]): number => rows * columns;
  let total = 2 * cellsOf(map) * stem_chs * config.in_chans * 9;
  const cells = new Map([[-1, cellsOf(map)]]);
  for (const { name, block, endsStage } of placedBlocks(arch)) {
    const below = map;
    map = reduced(below, block.stride);
    const kv = block.type === 'mqa' ? cellsOf(reduced(map, block.kv_stride)) : 0;
    total += blockFlops(block, cellsOf(below), cellsOf(map), kv);
    if (name === after) return total;
    if (endsStage !== undefined) cells.set(endsStage, cellsOf(map));
  }
  const fusedCells = cells.get(fused[0] as number) as number;
  return total + 2 * fusedCells * 2 * fused_chs * (fused_chs + config.num_features);
}
