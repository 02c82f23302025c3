/** GEMMA 3NCORE: the phases of a run and what a notebook calls beside them. For research only; not for clinical use. */
export * as active from './active.js';
export * as conduit from './conduit.js';
export { currentRun } from './current_run.js';
export * as reservoir from './reservoir.js';
export { frame, show } from './phase.js';
export { predict } from './predict.js';
export { predictionSection } from './prediction_section.js';
export { createRun, openRun } from './run_folder.js';
export { preset } from './schema/presets.js';
