import type { ComparisonRow, MetricRow } from '../analysis/evaluate.js';
import { escapeHtml, escapeMarkdown } from '../host/escape.js';
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

function origin({ base, teacher, encoder, data, training }: ModelCard): string[] {
  const model = (what: string, { name, licence }: ModelCard['base']): string =>
    `- ${what}: ${md(name)} (${md(licence)})`;
  return [
    model('Base model of the student', base),
    teacher === undefined ? '- Trained without distillation' : model('Distilled from the features of', teacher),
    encoderLine(encoder),
    `- Data: ${md(data.name)} (${md(data.licence)}), ${data.trainingStudies} training and ${data.testStudies} test studies`,
    `- Training: ${training.steps} optimizer steps, seed ${training.seed}`,
  ];
}

/** The model card of a trained student's folder as Markdown. */
export function modelCard(card: ModelCard): string {
  const list = (items: readonly string[]): string => items.map((item) => `- ${md(item)}`).join('\n');
  const sections = [
    frontMatter(card),
    `# ${md(card.name)}`,
    [`**${researchOnly}**`, ...card.stamps.map((stamp) => `**${md(stamp)}**`)].join('\n\n'),
    'Reads end-diastolic volume (EDV, mL), end-systolic volume (ESV, mL) and ejection fraction (EF, %) from the ED and ES ' +
      `frames of an echocardiogram. Made ${md(card.created)} by GEMMA 3NCORE.`,
    `## Origin\n\n${origin(card).join('\n')}`,
    `## Results\n\n${results(card)}`,
    `## Limitations\n\n${list([...card.limitations, ...generalLimitations])}`,
    `## Terms\n\n${card.notices.length === 0 ? 'None beyond the licences above.' : card.notices.map(escapeHtml).join('\n\n')}`,
  ];
  return `${sections.join('\n\n')}\n`;
}
