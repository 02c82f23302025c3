// Generated from data-manifests/schemas by "npm run schemas"; do not edit.

export type Report = ReservoirReport | ConduitReport | ActiveReport;
/**
 * Environment, engine, libraries and artifacts of a run.
 */
export type ReservoirReport = ReportEnvelope & {
  phase: 'reservoir';
  body: ReservoirBody;
};
export type ReportCell = string | number | boolean | null;
/**
 * Studies, preprocessing, bridges, device, precision and estimates of a run.
 */
export type ConduitReport = ReportEnvelope & {
  phase: 'conduit';
  body: ConduitBody;
};
/**
 * @minItems 1
 */
export type Shape = number[];
/**
 * Training, test metrics, comparisons and what was written.
 */
export type ActiveReport = ReportEnvelope & {
  phase: 'active';
  body: ActiveBody;
};

/**
 * What every phase's report carries around its body.
 */
export interface ReportEnvelope {
  schema_version: 1;
  phase: 'reservoir' | 'conduit' | 'active';
  /**
   * When the report was made, UTC.
   */
  created: string;
  title: string;
  research_only: 'For research only; not for clinical use.';
  /**
   * Sentences that stand wherever the report is shown: a phantom result, data that must not be shared.
   */
  stamps: string[];
  tables: ReportTable[];
  figures: ReportFigure[];
  /**
   * The phase's own part.
   */
  body: {};
}
export interface ReportTable {
  name: string;
  title: string;
  columns: ReportColumn[];
  rows: {
    [k: string]: ReportCell;
  }[];
}
export interface ReportColumn {
  name: string;
  title: string;
  unit?: string;
  /**
   * Decimals shown.
   */
  digits?: number;
}
export interface ReportFigure {
  name: string;
  title: string;
  /**
   * Picture (SVG or PNG), relative to the report.
   */
  file: string;
}
export interface ReservoirBody {
  engine: EngineReport;
  setup: {
    seconds: number;
    steps: {
      name: string;
      status: 'done' | 'skipped' | 'failed';
      seconds: number;
      note?: string;
    }[];
  };
  libraries: {
    ecosystem: 'npm' | 'python' | 'system';
    name: string;
    requested: string | null;
    locked: string | null;
    installed: string | null;
    licence: string | null;
  }[];
  artifacts: {
    name: string;
    kind: 'model' | 'dataset';
    role: string;
    status: 'present' | 'missing' | 'mismatch';
    licence: string;
    terms_url: string | null;
    /**
     * Whether the user accepted the terms; null where none need to be.
     */
    accepted: boolean | null;
    bytes: number | null;
    sha256: string | null;
    note?: string;
  }[];
  cost: {
    teacher: ModelCost;
    student: ModelCost;
  };
  platform: {
    os: string;
    arch: string;
    disk_free_MB: number;
  };
}
/**
 * As engine/describe gives it.
 */
export interface EngineReport {
  engine: 'tensorflow' | 'wasm' | 'cpu';
  canTrain: boolean;
  /**
   * Version of TensorFlow.js.
   */
  tfjs: string;
  /**
   * Version of the TensorFlow behind the native engine.
   */
  tensorflow: string | null;
  device: 'gpu' | 'cpu';
  gpus: {
    name: string;
    memoryMB: number;
    driver: string;
  }[];
  processor: {
    model: string;
    threads: number;
    instructions: string[];
  };
  memoryMB: number;
  node: string;
  platform: string;
  graphFunctions: boolean;
  fusedKernels: boolean;
  /**
   * Better engines, and why they were not taken.
   */
  notTaken: {
    engine: string;
    reason: string;
  }[];
  environment: {
    [k: string]: string;
  };
}
export interface ModelCost {
  name: string;
  parameters: number;
  /**
   * Floating-point operations of one image's forward pass.
   */
  FLOPs: number;
  /**
   * Median time of one image's forward pass; null where not measured.
   */
  ms: number | null;
  /**
   * The weights as stored, 10^6 bytes.
   */
  MB: number;
}
export interface ConduitBody {
  dataset: {
    name: string;
    licence: string;
    /**
     * What holds for the data set as a whole, such as where its split comes from; one sentence each.
     */
    notes?: string[];
    /**
     * Whether results must not be shared.
     */
    restricted: boolean;
    phantom: boolean;
  };
  /**
   * By split.
   */
  counts: {
    [k: string]: SplitCounts;
  };
  /**
   * Studies of TRAIN and VAL whose ED and ES frames were decoded, by what decoded them.
   */
  decoded?: {
    mjpeg?: number;
    ffmpeg?: number;
    nifti?: number;
    dicom?: number;
  };
  excluded: {
    /**
     * Empty where a row of the table names none.
     */
    study: string;
    view: string;
    split: string;
    /**
     * @minItems 1
     */
    reasons: string[];
  }[];
  preprocessing: {
    teacher: ImagePreprocessing;
    student: ImagePreprocessing;
    augmentation: string[];
  };
  bridges: {
    /**
     * The layer's published name.
     */
    teacher: string;
    /**
     * The stage's published name.
     */
    student: string;
    /**
     * Rows and columns both maps are pooled to.
     *
     * @minItems 2
     * @maxItems 2
     */
    grid: number[];
    shapes: {
      teacher: Shape;
      student: Shape;
      matched: Shape;
    };
    projector: string;
    /**
     * Of the projector.
     */
    parameters: number;
    /**
     * Of the teacher's pooled map of one frame.
     */
    bytes: number;
    /**
     * What other grids would take.
     */
    bytes_by_grid?: {
      /**
       * @minItems 2
       * @maxItems 2
       */
      grid: number[];
      bytes: number;
    }[];
  }[];
  device: string;
  precision: {
    chosen: 'fp32' | 'int8' | 'llm_int8' | 'nf4';
    reason: string;
  };
  estimates: {
    seconds: number;
    memory_MB: number;
    disk_MB: number;
  };
  prefix?: StudentPrefix;
  probe?: TeacherProbe;
}
export interface SplitCounts {
  usable: number;
  excluded: number;
}
export interface ImagePreprocessing {
  height: number;
  width: number;
  resample: 'bilinear' | 'bicubic';
  rescale_factor: number;
  /**
   * @minItems 3
   * @maxItems 3
   */
  mean: number[];
  /**
   * @minItems 3
   * @maxItems 3
   */
  std: number[];
}
/**
 * The student's frozen blocks below its first adapted one: whether training starts from their cached outputs.
 */
export interface StudentPrefix {
  /**
   * The block whose output is kept for every TRAIN and VAL frame; null: nothing is kept.
   */
  after: string | null;
  /**
   * Why nothing is kept.
   */
  reason: string | null;
  /**
   * All that is kept of a frame.
   */
  maps: string[];
  disk_MB: number;
  /**
   * Of the encoder's forward operations, those that are not repeated.
   */
  share: number;
}
/**
 * The linear probe of the frozen teacher; absent where it was not asked for.
 */
export interface TeacherProbe {
  /**
   * The teacher's layer that is read.
   */
  layer: string;
  /**
   * Rows and columns its map is averaged to.
   *
   * @minItems 2
   * @maxItems 2
   */
  grid: number[];
  /**
   * Of ED and ES together.
   */
  features: number;
  /**
   * Labelled TRAIN studies it was fitted on; VAL studies.
   */
  studies: {
    train: number;
    validation: number;
    validation_patients: number;
  };
  /**
   * What the penalties were chosen by.
   */
  chosen_by: 'VAL' | 'leave-one-out';
  penalties: {
    EDV: number;
    ESV: number;
    EF: number;
  };
  /**
   * Mean absolute errors on VAL of the probe and of predicting the mean of the training labels.
   */
  mae: {
    target: 'EDV' | 'ESV' | 'EF';
    unit: string;
    probe: number | null;
    mean: number | null;
  }[];
}
export interface ActiveBody {
  /**
   * The configuration, valid against experiment.schema.json.
   */
  experiment: {};
  /**
   * @minItems 1
   */
  seeds: number[];
  /**
   * What of each split took part: was within the limit and could be decoded.
   */
  cohort: {
    TRAIN: CohortPart;
    VAL: CohortPart;
    TEST: CohortPart;
  };
  /**
   * @minItems 1
   */
  training: TrainingRun[];
  bootstrap: {
    B: number;
    seed: number;
    level: number;
  };
  /**
   * @minItems 1
   */
  metrics: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    target: 'EDV' | 'ESV' | 'EF';
    metric: 'MAE' | 'RMSE' | 'R2' | 'pearson' | 'spearman' | 'bias';
    unit: string;
    value: number | null;
    low: number | null;
    high: number | null;
    studies: number;
    patients: number;
    seeds: number;
  }[];
  /**
   * Paired differences, model − reference.
   */
  comparisons: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    reference: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    target: 'EDV' | 'ESV' | 'EF';
    metric: 'MAE' | 'RMSE' | 'R2' | 'pearson' | 'spearman' | 'bias';
    unit: string;
    value: number | null;
    low: number | null;
    high: number | null;
    studies: number;
    patients: number;
    seeds: number;
    favours: 'distilled' | 'baseline' | 'teacher_probe' | 'mean' | 'neither';
  }[];
  bland_altman: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    target: 'EDV' | 'ESV' | 'EF';
    n: number;
    bias: ReportInterval;
    lower: ReportInterval;
    upper: ReportInterval;
  }[];
  /**
   * The EF head against (EDV − ESV)/EDV.
   */
  consistency: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    n: number;
    implausible: number;
    difference: ReportInterval;
    bias: ReportInterval;
    head_MAE: ReportInterval;
    volumes_MAE: ReportInterval;
  }[];
  adapters: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    seed: number;
    /**
     * Relative to the run folder.
     */
    path: string;
    bytes: number;
    sha256: string;
    parameters: number;
  }[];
  checkpoints: {
    model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
    seed: number;
    /**
     * Relative to the run folder.
     */
    path: string;
    step: number;
    bytes: number;
  }[];
}
export interface CohortPart {
  studies: number;
  patients: number;
  /**
   * Those whose labels the run sees.
   */
  labelled_patients: number;
}
export interface TrainingRun {
  model: 'distilled' | 'baseline' | 'teacher_probe' | 'mean';
  seed: number;
  steps: number;
  seconds: number;
  /**
   * Losses, weights and learning rate by optimizer step.
   */
  history: HistoryEntry[];
  validation: ValidationEntry[];
}
export interface HistoryEntry {
  step: number;
  stage: string;
  samples: number;
  labelled: number;
  feature: number | null;
  task: number | null;
  total: number | null;
  featureWeight: number | null;
  taskWeight: number | null;
  rate: number | null;
  gradientNorm: number | null;
}
export interface ValidationEntry {
  step: number;
  task: number | null;
  /**
   * Of EDV (mL), ESV (mL), EF (%).
   *
   * @minItems 3
   * @maxItems 3
   */
  mae: (number | null)[];
}
/**
 * A statistic and its interval; null where not defined.
 */
export interface ReportInterval {
  value: number | null;
  low: number | null;
  high: number | null;
}
