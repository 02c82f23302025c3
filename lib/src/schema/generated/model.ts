// Generated from data-manifests/schemas by "npm run schemas"; do not edit.

export type File = string;
export type Height = number;
export type Width = number;
export type Resampling = 'bilinear' | 'bicubic';
export type RescaleFactor = number;
/**
 * @minItems 3
 * @maxItems 3
 */
export type Mean = number[];
/**
 * @minItems 3
 * @maxItems 3
 */
export type StandardDeviation = number[];

/**
 * Weights on the Hugging Face hub that a run may use: where they are, under which terms, what is expected in them.
 */
export interface ModelManifest {
  $schema?: string;
  /**
   * What configurations and the command line call these weights.
   */
  name: string;
  description: string;
  /**
   * The architecture of the tower that is read; other models in the same files are not.
   */
  family: 'siglip_vision' | 'mobilenet_v5';
  source: {
    repository: string;
    revision: string;
    /**
     * Where the provider's terms are accepted and access is asked for.
     */
    page: string;
    /**
     * Whether the hub gives the files only to accounts with access.
     */
    gated: boolean;
  };
  licence: string;
  terms_url: string;
  /**
   * The sentence that every copy and derivative carries.
   */
  notice: string;
  /**
   * Beside the weights, which are model.safetensors or the shards of its index that hold the tower.
   */
  files: {
    required: File[];
    optional: File[];
  };
  /**
   * The tower as published. Names and shapes follow from its configuration in data-manifests/configs.
   */
  expected: {
    config: string;
    parameters: number;
  };
  /**
   * Fields of the tower's configuration that hold whatever the repository's config.json says.
   */
  config_override: {
    [k: string]: unknown;
  };
  preprocessing: Preprocessing;
}
/**
 * Resize of 8-bit frames with antialiasing, then rescale and normalise, as the model's own processor does.
 */
export interface Preprocessing {
  height: Height;
  width: Width;
  resample: Resampling;
  rescale_factor: RescaleFactor;
  mean: Mean;
  std: StandardDeviation;
}
