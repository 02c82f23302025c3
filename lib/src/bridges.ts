import type { RegressorBridge } from './adapters/regressor_files.js';
import type { Bridge } from './distill/student.js';
import { mobilenetV5FeatureShapes, siglipFeatureShapes } from './models/feature_shapes.js';
import * as projector from './models/projector.js';
import type { ProjectorConfig } from './models/projector.js';
import { patchGrid } from './models/siglip_vision_config.js';
import { BadInput } from './host/errors.js';
import type { Bridge as BridgeConfig, Experiment, StoredFeatures } from './schema/generated/experiment.js';
import { disposeParams, initialise, trainable } from './tree/params.js';
import { fold, rootKey } from './tree/random.js';
import { countParameters } from './tree/spec.js';
import { studentBaseConfig, teacherConfig } from './weights.js';

/** A bridge of an experiment with everything that follows from the two towers. */
export interface PlannedBridge {
  readonly config: BridgeConfig;
  readonly name: string;
  /** Tokens of the teacher as rows, columns and width; map of the student; what is matched. */
  readonly shapes: { readonly teacher: number[]; readonly student: number[]; readonly matched: number[] };
  readonly projector: ProjectorConfig;
  readonly parameters: number;
}

/** Bytes of a teacher map pooled to a grid, per frame. */
export function bytesAt({ shapes }: PlannedBridge, grid: number, dtype: StoredFeatures): number {
  return (dtype === 'float16' ? 2 : 4) * grid * grid * (shapes.teacher[2] as number);
}

function shapeOf(shapes: ReadonlyMap<string, readonly number[]>, name: string, where: string): readonly number[] {
  const shape = shapes.get(name);
  if (shape !== undefined) return shape;
  throw new BadInput({ where, expected: `one of ${[...shapes.keys()].join(', ')}`, got: name });
}

/** Parameters and files carry a bridge's name, so no two may share one. */
function checkDistinct(planned: readonly PlannedBridge[]): PlannedBridge[] {
  planned.forEach(({ name, config }, i) => {
    const first = planned.findIndex((other) => other.name === name);
    if (first === i) return;
    const got = `${config.teacher} → ${config.student} again, as in bridges[${first}]`;
    throw new BadInput({ where: `bridges[${i}]`, expected: 'another pair of features', got });
  });
  return [...planned];
}

/**
 * The bridges of an experiment between its towers; no weights are read.
 * @throws BadInput naming a feature that a tower has not, or a pair of features that is there twice.
 */
export function planBridges({ bridges, teacher, student }: Experiment): PlannedBridge[] {
  const sizeOf = ({ height, width }: { height: number; width: number }): [number, number] => [height, width];
  const tower = teacherConfig(teacher.weights);
  const ofTeacher = siglipFeatureShapes(tower, sizeOf(teacher.preprocessing));
  const ofStudent = mobilenetV5FeatureShapes(studentBaseConfig(student.weights), sizeOf(student.preprocessing));
  const tokenGrid = patchGrid(tower, sizeOf(teacher.preprocessing));
  const planned = bridges.map((config, i) => {
    const tokens = shapeOf(ofTeacher, config.teacher, `bridges[${i}].teacher`);
    const map = shapeOf(ofStudent, config.student, `bridges[${i}].student`);
    const width = tokens.at(-1) as number;
    const projection = { type: config.projector, in_channels: map.at(-1) as number, out_channels: width };
    return {
      config,
      name: `${config.teacher}__${config.student}`.replaceAll('.', '_'),
      shapes: { teacher: [...tokenGrid, width], student: [...map], matched: [config.grid, config.grid, width] },
      projector: projection,
      parameters: countParameters(projector.spec(projection)),
    };
  });
  return checkDistinct(planned);
}

/** The bridges as training takes them, their projectors new and trainable, and how to free them. */
export function buildBridges(planned: readonly PlannedBridge[], seed: number): { bridges: Bridge[]; dispose(): void } {
  const key = fold(rootKey(seed), 'projectors');
  const bridges = planned.map(({ name, config, projector: projection }) => {
    const params = trainable(initialise(projector.spec(projection), fold(key, name)));
    return {
      name,
      feature: config.student,
      grid: config.grid,
      params,
      project: (pooled: Parameters<typeof projector.forward>[1]) => projector.forward(params, pooled),
    };
  });
  return { bridges, dispose: () => bridges.forEach(({ params }) => disposeParams(params)) };
}

/** What the regressor's file remembers of a bridge. */
export function regressorBridge({ name, config, projector: projection }: PlannedBridge): RegressorBridge {
  return {
    name,
    teacherLayer: config.teacher,
    studentFeature: config.student,
    grid: config.grid,
    projector: { ...projection },
  };
}
