import type { ComparisonRow, MetricRow } from '../analysis/evaluate.js';
import { escapeHtml, escapeMarkdown } from '../host/escape.js';
import type { InputSize, TrainingFrames } from '../data/training_frames.js';
import { trainingFramesText, trainingSpacingText } from './frames_text.js';
import { formatInterval, formatNumber } from './numbers.js';
import { researchOnly } from './wording.js';

/** What a model card says about a trained student; texts are data and are escaped, `notices` stand as they are. */
export interface ModelCard {
  readonly name: string;
  /** UTC. */
  readonly created: string;
  /** The student's base model. */
  readonly base: { readonly name: string; readonly licence: string };
  /** Absent for a student trained without distillation. */
  readonly teacher?: { readonly name: string; readonly licence: string };
  /** How its encoder was trained, and how many of its values. */
  readonly encoder:
    | { readonly training: 'full'; readonly parameters: number }
    | {
        readonly training: 'lora';
        readonly parameters: number;
        readonly rank: number;
        readonly alpha: number;
        readonly targets: readonly string[];
      };
  readonly data: {
    readonly name: string;
    readonly licence: string;
    /** Null where there are none beyond the licence. */
    readonly terms_url: string | null;
    readonly citation: string;
    /** How it was collected, what it is biased by, and what it says of people. */
    readonly collection: string;
    readonly biases: string;
    readonly sensitive: string;
    readonly frames: TrainingFrames;
    /** Size of the student's input, pixels. */
    readonly input: InputSize;
    readonly trainingStudies: number;
    readonly testStudies: number;
  };
  readonly training: { readonly steps: number; readonly seed: number };
  readonly metrics: readonly MetricRow[];
  readonly comparisons: readonly ComparisonRow[];
  /** Sentences of licences and terms that a copy must carry. */
  readonly notices: readonly string[];
  readonly stamps: readonly string[];
  /** Beyond those that hold for every student. */
  readonly limitations: readonly string[];
}

const generalLimitations = [
  'Reads two still frames (ED and ES) of one view, chosen beforehand; it does not find them in a video.',
  'Volumes are learned at the depth and geometry of the training images; rescaled images give wrong volumes.',
  'The teacher was not trained on ultrasound; its features are outside their domain.',
  'Not validated on patients of other hospitals, devices, ages or image qualities than those of the training data.',
];

const intendedUse = [
  'Intended: research on distillation, on reading volumes from echocardiograms, and on how such readings fail.',
  'Intended users: researchers and engineers who can judge a regression by its intervals and its failures.',
  'Out of scope: diagnosis, treatment, triage or any other care of a patient; a decision about a person; screening; use as a ' +
    'medical device or in one; other views, modalities or species; attempts to identify a patient.',
];

const md = escapeMarkdown;

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Hugging Face's metadata block; a JSON string is a YAML string. */
function frontMatter(card: ModelCard): string {
  const base = `base_model: ${JSON.stringify(card.base.name)}`;
  const [library, tag] = card.encoder.training === 'lora' ? ['peft', ', lora'] : ['timm', ''];
  return ['---', `library_name: ${library}`, base, `tags: [echocardiography, distillation${tag}]`, '---'].join('\n');
}

function results({ metrics, comparisons }: ModelCard): string {
  const unit = (row: { unit: string }): string => (row.unit === '' ? '' : ` ${row.unit}`);
  const measured = metrics.map((row) => [row.model, row.target, row.metric, `${formatInterval(row)}${unit(row)}`]);
  const differences = comparisons.map((row) => [
    `${row.model} − ${row.reference}`,
    ...[row.target, row.metric, `${formatInterval(row)}${unit(row)}`, row.favours],
  ]);
  const escaped = (rows: string[][]): string[][] => rows.map((row) => row.map(md));
  return [
    'Test studies, 95 % bootstrap intervals resampled by patient.',
    markdownTable(['model', 'target', 'metric', 'value [interval]'], escaped(measured)),
    'Paired differences on the same studies:',
    markdownTable(['difference', 'target', 'metric', 'value [interval]', 'favours'], escaped(differences)),
  ].join('\n\n');
}

function encoderLine(encoder: ModelCard['encoder']): string {
  const parameters = `${formatNumber(encoder.parameters, 0)} parameters`;
  if (encoder.training === 'full') return `- Encoder: trained in full, ${parameters}`;
  const { rank, alpha, targets } = encoder;
  return `- Adapter: LoRA of rank ${rank}, alpha ${alpha}, ${parameters}, on ${targets.map(md).join(', ')}`;
}

/** What its frames were like: volumes hold for frames of this scale. */
function framesLine({ frames, input }: ModelCard['data']): string {
  const { spacing, studies } = frames;
  const pixel = `a pixel of its input (${input.width}×${input.height})`;
  const known =
    spacing !== null && spacing.studies < studies ? `, known of ${spacing.studies} of ${studies} studies` : '';
  const scale =
    spacing === null ? `the scale of ${pixel} is not known` : `${pixel} is ${trainingSpacingText(spacing)}${known}`;
  return `- Frames of ${md(trainingFramesText(frames))}; ${md(scale)}`;
}

/** What it learned from and was measured on, and under which terms that is provided. */
function dataSection({ data }: ModelCard): string {
  const lines = [
    `- Data: ${md(data.name)} (${md(data.licence)}), ${data.trainingStudies} training and ${data.testStudies} test studies of ` +
      'other patients',
    framesLine(data),
    ...(data.terms_url === null ? [] : [`- Terms: ${escapeHtml(data.terms_url)}`]),
    `- Cite: ${md(data.citation)}`,
    `- Collection: ${md(data.collection)}`,
    `- Biases: ${md(data.biases)}`,
  ];
  return lines.join('\n');
}

/** What a reader should weigh before anything is made of the model. */
function ethics({ data }: ModelCard): string {
  return [
    `- People in the data: ${md(data.sensitive)}`,
    '- A student is made from the data; whether it may be passed on is for the terms of the data to say as well as for those ' +
      'of the weights.',
    '- A wrong EF can lead to wrong care: no reading of this model may reach a patient or a record.',
  ].join('\n');
}

function origin({ base, teacher, encoder, training }: ModelCard): string[] {
  const model = (what: string, { name, licence }: ModelCard['base']): string =>
    `- ${what}: ${md(name)} (${md(licence)})`;
  return [
    model('Base model of the student', base),
    teacher === undefined ? '- Trained without distillation' : model('Distilled from the features of', teacher),
    encoderLine(encoder),
    `- Training: ${training.steps} optimizer steps, seed ${training.seed}`,
  ];
}

/** The model card of a trained student's folder as Markdown; sections after Mitchell et al. 2019 (doi:10.1145/3287560.3287596). */
export function modelCard(card: ModelCard): string {
  const list = (items: readonly string[]): string => items.map((item) => `- ${md(item)}`).join('\n');
  const sections = [
    frontMatter(card),
    `# ${md(card.name)}`,
    [`**${researchOnly}**`, ...card.stamps.map((stamp) => `**${md(stamp)}**`)].join('\n\n'),
    'Reads end-diastolic volume (EDV, mL), end-systolic volume (ESV, mL) and ejection fraction (EF, %) from the ED and ES ' +
      `frames of an echocardiogram. Made ${md(card.created)} by GEMMA 3NCORE.`,
    `## Origin\n\n${origin(card).join('\n')}`,
    `## Intended use\n\n${list(intendedUse)}`,
    `## Data\n\n${dataSection(card)}`,
    `## Results\n\n${results(card)}`,
    `## Limitations\n\n${list([...card.limitations, ...generalLimitations])}`,
    `## Ethical considerations\n\n${ethics(card)}`,
    `## Terms\n\n${card.notices.length === 0 ? 'None beyond the licences above.' : card.notices.map(escapeHtml).join('\n\n')}`,
  ];
  return `${sections.join('\n\n')}\n`;
}
