import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoraConfig } from './adapters/lora_config.js';
import { loraTargets } from './adapters/lora_targets.js';
import type { Assessment } from './analysis/assessment.js';
import { gatherArtifacts } from './artifacts.js';
import { datasetManifest } from './dataset_manifests.js';
import { newTimestampFolder } from './distill/checkpoint.js';
import { writeFileAtomic } from './files/atomic.js';
import { writeFolderAtomic } from './files/atomic_folder.js';
import { utcTimestamp } from './host/clock.js';
import { projectPath } from './host/places.js';
import { modelCard, type ModelCard } from './report/model_card.js';
import type { Experiment } from './schema/generated/experiment.js';
import { adapterConfig } from './student_model.js';
import { framesLearned, type StudentRun } from './student_run.js';
import type { Cohort } from './training_data.js';
import { locateWeights, studentBaseConfig } from './weights.js';
import * as mobilenet from './models/mobilenet_v5.js';

/** What the analysis found, for the model card. */
type Findings = Pick<Assessment, 'metrics' | 'comparisons'>;

/**
 * Terms that go with whatever is made from providers' weights, which a student is by distillation as well as by adaptation:
 * the notices of their manifests, and the NOTICE that stands in a folder of weights.
 */
function notices(experiment: Experiment): string[] {
  const found = [experiment.teacher.weights, experiment.student.weights].flatMap((name) => {
    const place = locateWeights(name);
    if (place.kind === 'random') return [];
    const file = join(place.folder, 'NOTICE');
    const own = existsSync(file) ? [readFileSync(file, 'utf8').trim()] : [];
    return place.manifest === undefined ? own : [place.manifest.notice, ...own];
  });
  return [...new Set(found)];
}

/** The project's NOTICE, and above it the terms that bind whoever passes this on. */
function noticeFile(experiment: Experiment): string {
  const general = readFileSync(projectPath('NOTICE'), 'utf8');
  const binding = notices(experiment);
  if (binding.length === 0) return general;
  const { teacher, student } = experiment;
  const made =
    `This ${experiment.adapter === null ? 'model' : 'adapter'} is a modified derivative, made from ${teacher.weights} and ${student.weights}. Whoever passes it on ` +
    'passes on the terms and use restrictions below with it:';
  return [made, ...binding, general].join('\n\n');
}

/** The kinds of layers that carry an adapter, e.g. `pw_exp.conv`, with how many of each. */
function targetKinds(experiment: Experiment, adapter: LoraConfig): string[] {
  const config = studentBaseConfig(experiment.student.weights);
  const counts = new Map<string, number>();
  for (const { module } of loraTargets(mobilenet.spec(config), adapter)) {
    const kind = module.replace(/^.*\.\d+\.\d+\./, '').replace(/^msfa\./, '');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind} (${count})`);
}

/** How the encoder was trained. */
function encoderOf(experiment: Experiment, parameters: number): ModelCard['encoder'] {
  const adapter = adapterConfig(experiment);
  if (adapter === null) return { training: 'full', parameters };
  const { r: rank, lora_alpha: alpha } = adapter;
  return { training: 'lora', parameters, rank, alpha, targets: targetKinds(experiment, adapter) };
}

function cardOf(
  experiment: Experiment,
  cohort: Cohort,
  { model, result, encoderParameters }: StudentRun,
  { metrics, comparisons }: Findings,
  stamps: readonly string[],
): ModelCard {
  const [teacher, base, data] = gatherArtifacts(experiment) as [
    ReturnType<typeof gatherArtifacts>[number],
    ReturnType<typeof gatherArtifacts>[number],
    ReturnType<typeof gatherArtifacts>[number],
  ];
  return {
    name: `GEMMA 3NCORE ${model} student (${experiment.preset})`,
    created: utcTimestamp(),
    base: { name: base.name, licence: base.licence },
    ...(model === 'distilled' ? { teacher: { name: teacher.name, licence: teacher.licence } } : {}),
    encoder: encoderOf(experiment, encoderParameters),
    data: {
      ...datasetManifest(data.name),
      frames: framesLearned(experiment, cohort),
      input: experiment.student.preprocessing,
      trainingStudies: cohort.train.length,
      testStudies: cohort.test.length,
    },
    training: { steps: result.steps, seed: experiment.seed },
    metrics: metrics.filter((row) => row.model === model),
    comparisons: comparisons.filter((row) => row.model === model),
    notices: notices(experiment),
    stamps,
    limitations:
      experiment.data.dataset === 'phantom' ? ['Trained on phantoms alone: it has never seen a patient.'] : [],
  };
}

/** Writes `<parent>/<timestamp>/`: adapter or whole encoder, regressor, NOTICE and model card (README.md); gives the folder. */
export async function writeAdapterFolder(
  parent: string,
  experiment: Experiment,
  cohort: Cohort,
  run: StudentRun,
  findings: Findings,
  stamps: readonly string[],
): Promise<string> {
  const folder = newTimestampFolder(parent);
  await writeFolderAtomic(folder, async (temporary) => {
    await run.writeModel(temporary);
    await writeFileAtomic(join(temporary, 'NOTICE'), noticeFile(experiment));
    const card = modelCard(cardOf(experiment, cohort, run, findings, stamps));
    await writeFileAtomic(join(temporary, 'README.md'), card);
  });
  return folder;
}
