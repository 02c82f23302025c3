import { checkExperiment } from './experiment.js';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { escapeHtml } from './host/escape.js';
import { projectPath } from './host/places.js';
import type { Widget } from './jupyter/widget.js';
import { html, vBox } from './jupyter/widgets.js';
import { schemaForm, type FormSchema } from './jupyter/widgets_form.js';
import type { Experiment } from './schema/generated/experiment.js';

const fields = ['seed', 'precision', 'adapter', 'training', 'analysis'];

/** What is wrong with a configuration, in a sentence; nothing where it is valid. */
function complaint(experiment: Experiment): string {
  try {
    checkExperiment(experiment, 'hyper-parameters');
    return '';
  } catch (error) {
    if (error instanceof BadInput) return error.message;
    throw error;
  }
}

/** The hyper-parameters as widgets that write into a configuration; below them stands what does not go together. */
export function hyperParameterForm(experiment: Experiment): Widget {
  const schema = readJson(projectPath('data-manifests', 'schemas', 'experiment.schema.json')) as FormSchema;
  const verdict = html('');
  const form = schemaForm(schema, experiment, {
    only: fields,
    onChange(path, value, refused) {
      const mended = refused === undefined ? '' : `${path}: ${refused} is not allowed, it is ${String(value)} now.`;
      const text = [mended, complaint(experiment)].filter((sentence) => sentence !== '').join(' ');
      const look = 'color:var(--jp-error-color1,#b00020);white-space:normal;line-height:1.35';
      verdict.value = text === '' ? '' : `<div style="${look}">${escapeHtml(text)}</div>`;
    },
  });
  return vBox([form, verdict]);
}
