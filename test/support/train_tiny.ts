// Trains the tiny student with a checkpoint at every step and resumes what is in the folder: `node train_tiny.js FOLDER`.
import { openEngine } from 'gemma-3ncore/engine/open';
import { labelsOf } from 'gemma-3ncore/distill/data';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { train } from 'gemma-3ncore/distill/trainer';
import { tiny, tinyData, tinyPlan } from './tiny_student.js';

async function main(folder: string): Promise<void> {
  await openEngine();
  const data = tinyData(16, 9);
  const { student, bridges } = tiny(1);
  await train({
    student,
    bridges,
    data,
    standardisation: standardisationOf(labelsOf(data, data.train)),
    plan: { ...tinyPlan, checkpointEvery: 1 },
    checkpoints: { folder, resume: true },
    onEvent: (event) => process.stdout.write(`${event.kind}\n`),
  });
}

void main(process.argv[2]!);
