import * as tf from '@tensorflow/tfjs';
import { conv1x1, conv2d, depthwiseConv2d, type Padding } from '../nn/conv2d.js';
import type { DropoutKey } from '../nn/dropout.js';
import { layerScale } from '../nn/layer_scale.js';
import { rmsNorm, rmsNormAct } from '../nn/norm.js';
import { multiQueryAttention } from '../ops/attention.js';
import { constant, heNormalFanOut, xavierUniform } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import type { Block, EdgeResidual, MobileAttention, UniversalInvertedResidual } from './mobilenet_v5_arch.js';

/** What every block of a network shares. */
export interface BlockContext {
  readonly pad: Padding;
  readonly eps: number;
  readonly dropoutKey?: DropoutKey | undefined;
}

const ones = constant(1);

const conv = (inputs: number, outputs: number, k: number) => ({
  weight: param([outputs, inputs, k, k], 'conv', heNormalFanOut),
});
const pointwise = (inputs: number, outputs: number, init = heNormalFanOut) => ({
  weight: param([outputs, inputs, 1, 1], 'conv1x1', init),
});
const depthwise = (channels: number, k: number, init = heNormalFanOut) => ({
  weight: param([channels, 1, k, k], 'depthwise', init),
});
const norm = (channels: number) => ({ weight: param([channels], 'same', ones) });

/** A convolution with its norm, timm's ConvNormAct. */
const pointwiseNorm = (inputs: number, outputs: number) => ({ conv: pointwise(inputs, outputs), bn: norm(outputs) });
const depthwiseNorm = (channels: number, k: number) =>
  k === 0 ? undefined : { conv: depthwise(channels, k), bn: norm(channels) };

/** Layer scale of a block, absent where the network has none. */
const scale = (channels: number, value: number | null) =>
  value === null ? undefined : { gamma: param([channels], 'same', constant(value)) };

function edgeResidualSpec({ in_chs, mid_chs, out_chs, exp_kernel_size }: EdgeResidual) {
  return {
    conv_exp: conv(in_chs, mid_chs, exp_kernel_size),
    bn1: norm(mid_chs),
    conv_pwl: pointwise(mid_chs, out_chs),
    bn2: norm(out_chs),
  };
}

/** Parameters of a universal inverted residual; the fusion adapter has one without layer scale. */
export function uirSpec(block: UniversalInvertedResidual, layerScaleInit: number | null) {
  const { in_chs, mid_chs, out_chs } = block;
  return {
    dw_start: depthwiseNorm(in_chs, block.dw_kernel_size_start),
    pw_exp: pointwiseNorm(in_chs, mid_chs),
    dw_mid: depthwiseNorm(mid_chs, block.dw_kernel_size_mid),
    pw_proj: pointwiseNorm(mid_chs, out_chs),
    dw_end: depthwiseNorm(out_chs, block.dw_kernel_size_end),
    layer_scale: scale(out_chs, layerScaleInit),
  };
}

function mobileAttentionSpec(block: MobileAttention, layerScaleInit: number | null) {
  const { in_chs: C, key_dim: d } = block;
  const inner = block.num_heads * d;
  const coarse = block.kv_stride > 1;
  const keyOrValue = () => ({
    down_conv: coarse ? depthwise(C, block.dw_kernel_size, xavierUniform) : undefined,
    norm: coarse ? norm(C) : undefined,
    proj: pointwise(C, d, xavierUniform),
  });
  return {
    norm: norm(C),
    attn: {
      query: { proj: pointwise(C, inner, xavierUniform) },
      key: keyOrValue(),
      value: keyOrValue(),
      output: { proj: pointwise(inner, block.out_chs, xavierUniform) },
    },
    layer_scale: scale(block.out_chs, layerScaleInit),
  };
}

/** The parameters of a block under timm's names. */
export function blockSpec(block: Block, layerScaleInit: number | null) {
  switch (block.type) {
    case 'er':
      return edgeResidualSpec(block);
    case 'uir':
      return uirSpec(block, layerScaleInit);
    case 'mqa':
      return mobileAttentionSpec(block, layerScaleInit);
  }
}

type EdgeParams = ParamsOf<ReturnType<typeof edgeResidualSpec>>;
type AttentionParams = ParamsOf<ReturnType<typeof mobileAttentionSpec>>;
type DepthwiseNormParams = ParamsOf<NonNullable<ReturnType<typeof depthwiseNorm>>>;
type ScaleParams = ParamsOf<ReturnType<typeof scale>>;
export type UirParams = ParamsOf<ReturnType<typeof uirSpec>>;
export type BlockParams = EdgeParams | UirParams | AttentionParams;

function scaled(x: tf.Tensor4D, params: ScaleParams): tf.Tensor4D {
  return params === undefined ? x : layerScale(x, params.gamma);
}

function skip(x: tf.Tensor4D, y: tf.Tensor4D, { has_skip }: Block): tf.Tensor4D {
  return has_skip ? tf.add(x, y) : y;
}

function edgeResidual(x: tf.Tensor4D, block: EdgeResidual, params: EdgeParams, context: BlockContext): tf.Tensor4D {
  const { eps } = context;
  const wide = conv2d(x, params.conv_exp.weight, { ...context, stride: block.stride });
  const expanded = rmsNormAct(wide, params.bn1.weight, eps, block.act);
  return skip(x, rmsNorm(conv1x1(expanded, params.conv_pwl.weight, context), params.bn2.weight, eps), block);
}

/** A universal inverted residual; x `[B, H, W, in]`, result `[B, H/s, W/s, out]`. The first depthwise from the middle strides. */
export function universalInvertedResidual(
  x: tf.Tensor4D,
  block: UniversalInvertedResidual,
  params: UirParams,
  context: BlockContext,
): tf.Tensor4D {
  const { eps } = context;
  const { stride, dw_kernel_size_start: start, dw_kernel_size_mid: mid } = block;
  const spatial = (y: tf.Tensor4D, layer: DepthwiseNormParams, strides: number): tf.Tensor4D =>
    depthwiseConv2d(y, layer.conv.weight, { pad: context.pad, stride: strides });
  let y = x;
  if (params.dw_start !== undefined) {
    y = rmsNorm(spatial(y, params.dw_start, mid > 0 ? 1 : stride), params.dw_start.bn.weight, eps);
  }
  y = rmsNormAct(conv1x1(y, params.pw_exp.conv.weight, context), params.pw_exp.bn.weight, eps, block.act);
  if (params.dw_mid !== undefined) {
    y = rmsNormAct(spatial(y, params.dw_mid, stride), params.dw_mid.bn.weight, eps, block.act);
  }
  y = rmsNorm(conv1x1(y, params.pw_proj.conv.weight, context), params.pw_proj.bn.weight, eps);
  if (params.dw_end !== undefined) {
    y = rmsNorm(spatial(y, params.dw_end, start > 0 || mid > 0 ? 1 : stride), params.dw_end.bn.weight, eps);
  }
  return skip(x, scaled(y, params.layer_scale), block);
}

/** Keys or values as tokens `[B, M, d]`, row-major over the possibly coarser map. */
function keysOrValues(
  x: tf.Tensor4D,
  block: MobileAttention,
  params: AttentionParams['attn']['key'],
  context: BlockContext,
): tf.Tensor3D {
  let y = x;
  if (params.down_conv !== undefined && params.norm !== undefined) {
    y = depthwiseConv2d(y, params.down_conv.weight, { pad: context.pad, stride: block.kv_stride });
    y = rmsNorm(y, params.norm.weight, context.eps);
  }
  const projected = conv1x1(y, params.proj.weight, context);
  return tf.reshape(projected, [projected.shape[0], -1, block.key_dim]);
}

function mobileAttention(
  x: tf.Tensor4D,
  block: MobileAttention,
  params: AttentionParams,
  context: BlockContext,
): BlockOutput {
  const [B, H, W] = x.shape;
  const inner = block.num_heads * block.key_dim;
  const { query, key, value, output } = params.attn;
  const normed = rmsNorm(x, params.norm.weight, context.eps);
  const attended = multiQueryAttention(
    tf.reshape(conv1x1(normed, query.proj.weight, context), [B, H * W, inner]),
    keysOrValues(normed, block, key, context),
    keysOrValues(normed, block, value, context),
  );
  const attn = conv1x1(tf.reshape(attended, [B, H, W, inner]) as tf.Tensor4D, output.proj.weight, context);
  return { y: skip(x, scaled(attn, params.layer_scale), block), attn };
}

/** The result of a block, and of an attention block its attention before layer scale and skip. */
export type BlockOutput = { readonly y: tf.Tensor4D; readonly attn?: tf.Tensor4D };

/** One block; x `[B, H, W, in]`, results owned by the caller. */
export function blockForward(x: tf.Tensor4D, block: Block, params: BlockParams, context: BlockContext): BlockOutput {
  return tf.tidy((): BlockOutput => {
    switch (block.type) {
      case 'er':
        return { y: edgeResidual(x, block, params as EdgeParams, context) };
      case 'uir':
        return { y: universalInvertedResidual(x, block, params as UirParams, context) };
      case 'mqa':
        return mobileAttention(x, block, params as AttentionParams, context);
    }
  });
}
