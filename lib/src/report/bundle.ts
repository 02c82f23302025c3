import type { Figure } from './figure.js';
import { renderSvg } from './svg.js';
import { researchOnly } from './wording.js';

/** All representations of a figure for one notebook output, by MIME type: interactive, static, plain. */
export async function figureBundle(figure: Figure): Promise<Record<string, unknown>> {
  const { data, layout, title } = figure;
  return {
    'application/vnd.plotly.v1+json': { data, layout, config: { displaylogo: false, responsive: false } },
    'image/svg+xml': await renderSvg(figure),
    'text/plain': `${title}. ${researchOnly}`,
  };
}
