// Generated from data-manifests/schemas by "npm run schemas"; do not edit.

/**
 * Path of this schema, for editors.
 */
export type Schema = string;
/**
 * The preset this configuration was made from; it names the experiment in reports.
 */
export type Preset = 'tiny' | 'phantom' | 'medsiglip-gemma3n';
/**
 * The root of all randomness: initialisation, sampling, dropout, bootstrap.
 */
export type Seed = number;
/**
 * Of the frozen weights of teacher and student: fp32; int8 (8-bit weights); llm_int8 (8-bit weights and activations, as bitsandbytes); nf4 (4-bit weights, with LoRA: QLoRA); auto: by free memory, see Conduit's report. Weights that bitsandbytes stored in 8 or 4 bits stay as they are.
 */
export type Precision = 'auto' | 'fp32' | 'int8' | 'llm_int8' | 'nf4';
/**
 * Where the studies come from; phantom echocardiograms are made on the spot.
 */
export type DataSet = 'phantom' | 'echonet-dynamic' | 'camus' | 'clips';
/**
 * The data set's folder; null: the phantom is made in the cache.
 */
export type DataRoot = string | null;
/**
 * At most so many studies of each split, in the data set's order; null: all.
 */
export type Limit = number | null;
/**
 * So many TRAIN studies give their labels; of the others only the frames are used, to match features. null: all are labelled.
 */
export type LabelledStudies = number | null;
/**
 * Number of phantom studies over all splits.
 */
export type Studies = number;
/**
 * Seed of the phantom hearts; those of the miniatures' training are reserved and refused.
 */
export type PhantomSeed = number;
/**
 * Height and width of the frames in pixels.
 */
export type FrameSize = number;
/**
 * A name of data-manifests/models (gathered from the hub once its terms are accepted), a folder with config.json and safetensors files (a miniature's name is short for its folder in data-manifests/miniatures), or random:NAME for the random weights of a configuration.
 */
export type Weights = string;
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
 * Number format of the teacher's pooled features in the cache: float16 takes half the disk and keeps three decimal digits.
 */
export type StoredFeatures = 'float32' | 'float16';
/**
 * Width D of the layer that fuses the ED and ES features.
 */
export type FusionWidth = number;
/**
 * last_hidden_state or hidden_states.i.
 */
export type TeacherFeature = string;
/**
 * stage.i, blocks.i.j or output.
 */
export type StudentFeature = string;
/**
 * Both maps are pooled adaptively to grid × grid cells.
 */
export type PoolingGrid = number;
/**
 * From the student's channels to the teacher's width.
 */
export type Projector = 'linear' | 'mlp';
/**
 * Which student feature is matched to which teacher feature, and on which grid.
 */
export type Bridges = Bridge[];
/**
 * LoRA with PEFT's field names; without it (null) the student's whole encoder is trained, at full precision.
 */
export type Adapter = {
  r: Rank;
  lora_alpha: Alpha;
  lora_dropout: LoRADropout;
  target_modules: TargetModules;
  use_rslora: RsLoRA;
  use_dora?: DoRA;
} | null;
/**
 * Rank r of every update.
 */
export type Rank = number;
/**
 * The update is scaled by alpha / r (alpha / √r with rsLoRA).
 */
export type Alpha = number;
/**
 * Share of a layer's inputs that its update does not see in a training step.
 */
export type LoRADropout = number;
/**
 * A regular expression for the whole module path, or a list of suffixes (PEFT's rule).
 */
export type TargetModules = string | string[];
/**
 * Scale by alpha / √r.
 */
export type RsLoRA = boolean;
/**
 * Also train the length of each output's weight.
 */
export type DoRA = boolean;
/**
 * Optimizer steps in all; the baseline takes as many.
 */
export type OptimizerSteps = number;
/**
 * So many first steps match features alone, on labelled and unlabelled TRAIN studies.
 */
export type FeatureOnlySteps = number;
/**
 * Studies (ED/ES pairs) a micro-batch.
 */
export type BatchSize = number;
/**
 * Micro-batches an optimizer step; gradients are normalised by the true number of samples.
 */
export type Accumulation = number;
/**
 * AdamW's rate after warm-up; it falls to zero along a cosine.
 */
export type LearningRate = number;
/**
 * Decoupled decay of all trainable weights.
 */
export type WeightDecay = number;
/**
 * Steps over which the rate rises linearly.
 */
export type WarmUp = number;
/**
 * Largest global norm of the gradients; 0 turns clipping off.
 */
export type GradientClip = number;
/**
 * How the weight goes from its start to its end; on a plateau it goes on whenever the validation loss stalls.
 */
export type Schedule = 'constant' | 'linear' | 'cosine' | 'step' | 'plateau';
export type Start = number;
export type End = number;
/**
 * Of a plateau: validations in a row without a new lowest value of the monitored figure in the stage before the weight goes on.
 */
export type Patience = number;
/**
 * Of a plateau: what is left of the way to the end then.
 */
export type Factor = number;
/**
 * How the maps of student and teacher are compared: mean squared error, 1 − cosine of the channels at every cell, or smooth L1 (quadratic up to a difference of 1).
 */
export type FeatureLoss = 'mse' | 'cosine' | 'smooth_l1';
/**
 * How predictions and labels are compared, both standardised: mean squared error, absolute error (l1), or Huber's (quadratic up to one standard deviation).
 */
export type TaskLoss = 'mse' | 'l1' | 'huber';
export type EDV = number;
export type ESV = number;
export type EF = number;
/**
 * Weight, beside the task loss, of the squared contradiction between EF and (EDV − ESV)/EDV as predicted; 0: off.
 */
export type Consistency = number;
/**
 * The figure on VAL that chooses the best parameters, stops early, and lowers rate and weights on a plateau: the task loss as it is trained on, or EF's mean absolute error.
 */
export type Monitor = 'task_loss' | 'EF_mae';
/**
 * Halves the learning rate after so many validations in a row without a new lowest value of the monitored figure in the stage; null: never.
 */
export type RatePlateau = number | null;
/**
 * Ends training after so many validations of the last stage in a row without a new lowest value of the monitored figure; null: all steps are taken.
 */
export type EarlyStopping = number | null;
/**
 * Whether biases and the scales of norms decay too; otherwise only matrices and kernels do. auto: with an adapter they do, in full training they do not.
 */
export type DecayOfVectors = 'auto' | true | false;
/**
 * Draws labelled studies alike from EF up to 40, 41 to 49 and from 50 % on, instead of as often as there are such studies.
 */
export type BalanceEF = boolean;
/**
 * Largest shift of the grey levels, as a share of 255.
 */
export type Gain = number;
/**
 * Standard deviation of multiplicative noise.
 */
export type Speckle = number;
/**
 * Share of the brightness that an acoustic shadow takes, in every other study.
 */
export type Shadow = number;
/**
 * Computes what the student's frozen blocks below its first adapted one make of every frame once, and trains from the cache; where augmentation is off and there are such blocks.
 */
export type CacheFrozenBlocks = boolean;
/**
 * Steps between validations; the adapters with the lowest validation loss are kept.
 */
export type ValidateEvery = number;
/**
 * Steps between checkpoints.
 */
export type CheckpointEvery = number;
/**
 * So many of the newest checkpoints stay, besides the one that did best on VAL; older ones are removed once a new one is whole.
 */
export type CheckpointsKept = number;
/**
 * Also trains the same student as many steps without distillation, for comparison.
 */
export type Baseline = boolean;
/**
 * Resamples of patients behind every 95 % interval.
 */
export type BootstrapSamples = number;

/**
 * Everything that determines a run of GEMMA 3NCORE: data, teacher, student, bridges, adapter, training, analysis.
 */
export interface Experiment {
  $schema?: Schema;
  preset: Preset;
  seed: Seed;
  precision?: Precision;
  data: Data;
  teacher: Teacher;
  student: Student;
  bridges: Bridges;
  adapter: Adapter;
  training: Training;
  analysis: Analysis;
}
export interface Data {
  dataset: DataSet;
  root: DataRoot;
  limit: Limit;
  labelled: LabelledStudies;
  phantom: Phantom;
}
/**
 * The phantom echocardiograms, used when the data set is phantom and no root is given.
 */
export interface Phantom {
  studies: Studies;
  seed: PhantomSeed;
  size: FrameSize;
}
/**
 * The frozen SigLIP vision encoder whose features are matched.
 */
export interface Teacher {
  weights: Weights;
  preprocessing: Preprocessing;
  feature_dtype: StoredFeatures;
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
/**
 * The MobileNetV5 encoder that is adapted, with a fusion layer over ED and ES and one regression head a target.
 */
export interface Student {
  weights: Weights;
  preprocessing: Preprocessing;
  fusion_size: FusionWidth;
}
export interface Bridge {
  teacher: TeacherFeature;
  student: StudentFeature;
  grid: PoolingGrid;
  projector: Projector;
}
export interface Training {
  steps: OptimizerSteps;
  feature_steps: FeatureOnlySteps;
  batch_size: BatchSize;
  accumulation_steps: Accumulation;
  learning_rate: LearningRate;
  weight_decay: WeightDecay;
  warmup_steps: WarmUp;
  clip_norm: GradientClip;
  feature_weight: FeatureWeight;
  task_weight: TaskWeight;
  feature_loss: FeatureLoss;
  task_loss: TaskLoss;
  target_weights: TargetWeights;
  consistency_weight: Consistency;
  monitor?: Monitor;
  rate_plateau: RatePlateau;
  early_stopping: EarlyStopping;
  decay_vectors: DecayOfVectors;
  balance_ef: BalanceEF;
  augmentation: Augmentation;
  cache_prefix?: CacheFrozenBlocks;
  validate_every: ValidateEvery;
  checkpoint_every: CheckpointEvery;
  keep_checkpoints: CheckpointsKept;
  baseline: Baseline;
}
/**
 * The curriculum: the weight of the feature loss over the steps.
 */
export interface FeatureWeight {
  kind: Schedule;
  start: Start;
  end: End;
  patience?: Patience;
  factor?: Factor;
}
/**
 * The weight of the task loss over the steps after the feature-only ones.
 */
export interface TaskWeight {
  kind: Schedule;
  start: Start;
  end: End;
  patience?: Patience;
  factor?: Factor;
}
/**
 * What each target counts in the task loss; only their ratios matter.
 */
export interface TargetWeights {
  EDV: EDV;
  ESV: ESV;
  EF: EF;
}
/**
 * Changes of the student's training frames; the teacher's stay as they are. All 0: none.
 */
export interface Augmentation {
  gain: Gain;
  speckle: Speckle;
  shadow: Shadow;
}
export interface Analysis {
  bootstrap_samples: BootstrapSamples;
}
