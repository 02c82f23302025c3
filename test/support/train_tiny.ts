// Trains the tiny student for STEPS (default 10) with a checkpoint at every step, of which two stay, and resumes what is in
// the folder: `node train_tiny.js FOLDER [STEPS]`. Tells every event; ends with the exit code of the command line.
import { saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { report } from 'gemma-3ncore/cli';
import { openEngine } from 'gemma-3ncore/engine/open';
import { labelsOf } from 'gemma-3ncore/distill/data';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { train } from 'gemma-3ncore/distill/trainer';
import { abortOnInterrupt } from 'gemma-3ncore/host/abort';
import { tiny, tinyData, tinyLora, tinyPlan, tinySpec } from './tiny_student.js';

async function main(folder: string, steps: number): Promise<void> {
  const { signal, release } = abortOnInterrupt();
  await openEngine();
  const data = tinyData(16, 9);
  const { student, bridges } = tiny(1);
  const [features, task] = tinyPlan.stages;
  try {
    await train({
      student,
      bridges,
      data,
      standardisation: standardisationOf(labelsOf(data, data.train)),
      plan: { ...tinyPlan, checkpointEvery: 1, stages: [features!, { ...task!, steps: steps - features!.steps }] },
      checkpoints: {
        folder,
        resume: true,
        keep: 2,
        writeModel: (to) => saveAdapter(to, student.params.backbone, tinySpec.backbone, tinyLora),
      },
      onEvent: (event) => process.stdout.write(`${event.kind}\n`),
      signal,
    });
  } finally {
    release();
  }
}

main(process.argv[2]!, Number(process.argv[3] ?? 10)).catch((error: unknown) => {
  process.exitCode = report(error);
});
