import { statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { gatherArtifacts } from './artifacts.js';
import { currentRun } from './current_run.js';
import { describeEngine } from './engine/describe.js';
import { openEngine } from './engine/open.js';
import { monotonicMs } from './host/clock.js';
import { gatherWeights, type GatherOptions } from './gather.js';
import { projectPath } from './host/places.js';
import { listLibraries, readSetUp } from './libraries.js';
import { mobilenetV5Flops, siglipFlops } from './models/cost.js';
import * as mobilenet from './models/mobilenet_v5.js';
import * as siglip from './models/siglip_vision.js';
import { add, finishPhase, hasReport, startPhase, stoppable, type Phase, type Section } from './phase.js';
import { costFigure } from './report/figures/cost.js';
import { setupFigure } from './report/figures/setup.js';
import { artifactsTable, costTable } from './report/result_tables.js';
import { table } from './report/table.js';
import type { Run } from './run_folder.js';
import type { Preprocessing } from './schema/generated/experiment.js';
import type { ModelCost, ReservoirBody } from './schema/generated/reports.js';
import { disposeParams } from './tree/params.js';
import { countParameters } from './tree/spec.js';
import { openStudentBase, openTeacher } from './weights.js';

export type Reservoir = Phase<'reservoir'>;

/** Begins Reservoir in a run, by default the current one. */
export async function start(run?: Run): Promise<Reservoir> {
  await openEngine();
  return startPhase('reservoir', run ?? (await currentRun()));
}

function platformBody(): ReservoirBody['platform'] {
  const { bavail, bsize } = statfsSync(projectPath());
  return {
    os: process.platform,
    arch: process.arch,
    disk_free_MB: Math.round((bavail * bsize) / 1e6),
  };
}

function setUpBody(): ReservoirBody['setup'] {
  const steps = (readSetUp()?.steps ?? []).map(({ name, seconds, detail, warning, status }) => {
    const note = warning ?? detail;
    return {
      name,
      status: status === 'done' ? ('done' as const) : ('skipped' as const),
      seconds,
      ...(note === undefined ? {} : { note }),
    };
  });
  return { steps, seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0) };
}

/** The steps of set-up, the engine that computes and the machine. */
export async function environment(phase: Reservoir): Promise<Section> {
  const engine = await describeEngine();
  const platform = platformBody();
  const setup = setUpBody();
  Object.assign(phase.body, { engine, platform, setup });
  const { processor, tensorflow, gpus } = engine;
  const facts: Record<string, string | number> = {
    engine: tensorflow === null ? `${engine.engine} (TensorFlow.js ${engine.tfjs})` : `TensorFlow ${tensorflow}`,
    device: engine.device,
    GPU: gpus.length === 0 ? 'none' : gpus.map(({ name, memoryMB }) => `${name}, ${memoryMB} MB`).join('; '),
    'graph functions': engine.graphFunctions ? 'yes' : 'no: every operation runs alone, which is slower',
    'fused kernels': engine.fusedKernels ? 'yes' : 'no',
    processor: `${processor.model}, ${processor.threads} threads`,
    instructions: processor.instructions.join(' '),
    'memory (MB)': `${Math.round(engine.memoryMB)}, ${Math.round(freemem() / 1e6)} free`,
    'disk free (MB)': platform.disk_free_MB,
    Node: engine.node,
    system: engine.platform,
    ...Object.fromEntries(engine.notTaken.map(({ engine: name, reason }) => [`not taken: ${name}`, reason])),
  };
  const rows = Object.entries(facts).map(([what, value]) => ({ what, value: String(value) }));
  return add(phase, {
    tables: [
      table(
        'setup',
        'Set-up',
        setup.steps.map(({ note = '', ...step }) => ({ ...step, note })),
      ),
      table('environment', 'Engine and machine', rows),
    ],
    figures: [setupFigure(setup.steps, phase.stamps)],
  });
}

/** Every library with what was asked for, locked and installed. */
export function libraries(phase: Reservoir): Section {
  const found = listLibraries();
  phase.body.libraries = found;
  return add(phase, {
    tables: [
      table(
        'libraries',
        'Libraries',
        found.map((library) => ({ ...library })),
      ),
    ],
  });
}

/**
 * Gathers the weights that have a manifest; shows weights and data with licence, presence, size and hash.
 * @throws BadInput when terms are not accepted (it names their page) or weights cannot be had.
 */
export async function artifacts(phase: Reservoir, options: GatherOptions = {}): Promise<Section> {
  await stoppable(options.signal, (signal) => gatherWeights(phase.experiment, { ...options, signal }));
  const found = gatherArtifacts(phase.experiment);
  phase.body.artifacts = found;
  return add(phase, { tables: [artifactsTable(found)] });
}

/** The shortest of three forward passes of one frame after a first one, ms. */
function timeForward(forward: (images: tf.Tensor4D) => void, { height, width }: Preprocessing): number {
  const images = tf.zeros<tf.Rank.R4>([1, height, width, 3]);
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    const begun = monotonicMs();
    tf.tidy(() => forward(images));
    times.push(monotonicMs() - begun);
  }
  images.dispose();
  return Math.min(...times.slice(1));
}

function teacherCost({ teacher, seed }: Reservoir['experiment']): ModelCost {
  const { name, config, params } = openTeacher(teacher.weights, seed);
  const { height, width } = teacher.preprocessing;
  const features = ['last_hidden_state'];
  const ms = timeForward((images) => {
    const interpolatePosEncoding = true;
    siglip.forward(params, images, config, { features, interpolatePosEncoding })['last_hidden_state']?.dataSync();
  }, teacher.preprocessing);
  disposeParams(params);
  const parameters = countParameters(siglip.spec(config));
  return { name, parameters, FLOPs: siglipFlops(config, [height, width]), ms, MB: (4 * parameters) / 1e6 };
}

function studentCost({ student, seed }: Reservoir['experiment']): ModelCost {
  const { name, config, params } = openStudentBase(student.weights, seed);
  const { height, width } = student.preprocessing;
  const ms = timeForward((images) => {
    mobilenet.forward(params, images, config, { features: ['output'] })['output']?.dataSync();
  }, student.preprocessing);
  disposeParams(params);
  const parameters = countParameters(mobilenet.spec(config));
  return { name, parameters, FLOPs: mobilenetV5Flops(config, [height, width]), ms, MB: (4 * parameters) / 1e6 };
}

/** Teacher and student side by side: parameters, operations, measured time and fp32 size of one frame's pass. */
export async function cost(phase: Reservoir): Promise<Section> {
  const teacher = teacherCost(phase.experiment);
  const student = studentCost(phase.experiment);
  phase.body.cost = { teacher, student };
  return add(phase, {
    tables: [costTable({ teacher, student })],
    figures: [costFigure(teacher, student, phase.stamps)],
  });
}

/** Writes `reservoir.report.json`. */
export function finish(phase: Reservoir): Promise<Section> {
  return finishPhase(phase, 'Reservoir: environment, libraries, artifacts');
}

/** The whole phase without a notebook. */
export async function runReservoir(run: Run): Promise<void> {
  if (hasReport(run, 'reservoir')) return;
  const phase = await start(run);
  await environment(phase);
  libraries(phase);
  await artifacts(phase);
  await cost(phase);
  await finish(phase);
}
