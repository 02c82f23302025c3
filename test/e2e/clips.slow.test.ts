import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readRegressorInfo } from 'gemma-3ncore/adapters/regressor_files';
import { findFfmpeg } from 'gemma-3ncore/files/ffmpeg';
import { readReport } from 'gemma-3ncore/report/report';
import { doNotShareStamp } from 'gemma-3ncore/report/wording';
import { cli } from '../support/cli.js';
import { writeClipFolder, type WrittenClip } from '../support/clip_folder.js';
import { patientName } from '../support/dicom.js';
import { useFolder } from '../support/folder.js';
import { framesOff } from '../support/phantom_clip.js';
import { adapterOf, tinyConfig } from '../support/run.js';
import { execute } from '../kernel/jupyter.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const data = join(root, 'data');
const out = join(root, 'run');

interface PredictedFile {
  readonly edFrame: number;
  readonly esFrame: number;
  readonly how: string;
  readonly sure: boolean | null;
  readonly preparation: string;
  readonly volumeFactor: number | null;
  readonly warnings: readonly string[];
  readonly picture: string;
  readonly curve: string | null;
}

describe('a folder of own clips of all kinds', () => {
  let clips: WrittenClip[];
  before(async () => {
    mkdirSync(data);
    clips = writeClipFolder(data, 8131, 15, (await findFfmpeg()) ?? null);
    const config = tinyConfig(join(root, 'e.json'));
    const source = ['--dataset', 'clips', '--data-root', data];
    const run = await cli(['train', '--config', config, ...source, '--out', out], { env });
    assert.equal(run.code, 0, run.stderr);
  });

  it('is trained on, and its reports say how sure the frames are that were found', () => {
    const { counts, decoded } = readReport(out, 'conduit').body;
    const usable = Object.values(counts).reduce((sum, count) => sum + count.usable, 0);
    assert.equal(usable, clips.length, JSON.stringify(readReport(out, 'conduit').body.excluded));
    assert.ok(decoded!.dicom! > 0 && decoded!.mjpeg! > 0, JSON.stringify(decoded));
    const { tables, figures, stamps } = readReport(out, 'conduit');
    assert.deepEqual(stamps, [doNotShareStamp]);
    const found = tables.find(({ name }) => name === 'found')!.rows;
    assert.deepEqual(
      found.map(({ study }) => study).sort(),
      clips.filter(({ open }) => open).map(({ name }) => name),
    );
    const curves = figures.filter(({ name }) => name.startsWith('cycle-'));
    assert.equal(curves.length, 3);
    for (const { file } of curves) assert.match(readFileSync(join(out, file), 'utf8'), /Confidence [01]\.\d\d/);
    const [head, ...rows] = readFileSync(join(out, 'studies.csv'), 'utf8').trimEnd().split('\n');
    assert.equal(head, 'study,view,split,usable,reason,edFrame,esFrame,EDV,ESV,EF,confidence');
    assert.deepEqual(
      rows.map((row) => !row.trimEnd().endsWith(',')),
      clips.map(({ open }) => open),
    );
  });

  it('leaves in the adapter what its frames were like', () => {
    const adapter = adapterOf(out, 'distilled');
    const { trainingFrames } = readRegressorInfo(adapter);
    const train = clips.filter(({ split }) => split === 'TRAIN');
    const known = train.filter(({ kind }) => kind.endsWith('.dcm'));
    const { dataset, studies, preparation, spacing } = trainingFrames!;
    assert.deepEqual([dataset, studies, spacing!.studies], ['clips', train.length, known.length]);
    const small = train.filter(({ kind }) => kind === 'avi').length;
    assert.deepEqual(preparation, { 'small square': small, sector: train.length - small });
    assert.match(readFileSync(join(adapter, 'README.md'), 'utf8'), /^- Frames of clips: .* mm/m);
  });

  it('reads a DICOM clip whose frames it finds, and says nothing of a scale that agrees', async () => {
    const { name, clip } = clips.find(({ kind, open }) => kind === 'rle.dcm' && open)!;
    const options = ['--adapter', adapterOf(out, 'distilled'), '--out', join(root, 'pictures'), '--json'];
    const { code, stdout, stderr } = await cli(['predict', join(data, name), ...options], { env });
    assert.equal(code, 0, stderr);
    const { files } = JSON.parse(stdout) as { files: readonly [PredictedFile] };
    const [{ edFrame, esFrame, how, sure, preparation, volumeFactor, warnings, picture, curve }] = files;
    assert.deepEqual([how, sure, preparation], ['found', true, 'sector']);
    // 3 frames of 50 a second.
    assert.ok(framesOff(edFrame, clip.ED) <= 3 && framesOff(esFrame, clip.ES) <= 3, `${edFrame} and ${esFrame}`);
    assert.ok(Math.abs(volumeFactor! - 1) < 1e-9, String(volumeFactor));
    assert.ok(!warnings.some((warning) => warning.includes('pixel')), warnings.join('\n'));
    assert.ok(existsSync(picture) && readFileSync(curve!, 'utf8').includes(name));
    assert.ok(!(stdout + stderr + readFileSync(curve!, 'utf8')).includes(patientName.slice(0, 6)));
  });

  it('shows predictions in a notebook: a table, frames, curves and warnings', async () => {
    const { name } = clips.find(({ kind, open }) => kind === 'raw.dcm' && open)!;
    const files = JSON.stringify([join(data, name), join(root, '<b>missing.avi')]);
    const cells = [
      "import { predict, predictionSection, show } from 'gemma-3ncore';",
      `const found = await predict(${files}, ${JSON.stringify(adapterOf(out, 'distilled'))});`,
      'await show(predictionSection(found));',
    ];
    const { code, stderr, notebook } = await execute(root, cells);
    assert.equal(code, 0, stderr);
    const bundles = notebook!.cells[2]!.outputs.map(({ data: bundle = {} }) => bundle);
    const shown = (type: string): string[] =>
      bundles.flatMap((bundle) => (type in bundle ? [[bundle[type]].flat().join('')] : []));
    assert.equal(shown('image/png').length, 1);
    assert.match(shown('image/svg+xml').join(), /ED and ES found in/);
    const html = shown('text/html').join();
    assert.ok(html.includes(name) && html.includes('never saw a patient') && html.includes('Not used: '), html);
    assert.ok(!html.includes('<b>missing'));
  });

  it('warns where the file gives no scale', async () => {
    const { name, clip } = clips.find(({ kind }) => kind === 'avi')!;
    const frames = ['--ed', String(clip.study.edFrame), '--es', String(clip.study.esFrame)];
    const options = ['--adapter', adapterOf(out, 'distilled'), '--out', join(root, 'more'), '--json', ...frames];
    const { code, stdout, stderr } = await cli(['predict', join(data, name), ...options], { env });
    assert.equal(code, 0, stderr);
    const { files } = JSON.parse(stdout) as { files: readonly [PredictedFile] };
    assert.deepEqual([files[0].how, files[0].sure, files[0].curve, files[0].volumeFactor], ['given', null, null, null]);
    assert.match(files[0].warnings.join('\n'), /The file gives no pixel spacing; a pixel of the student's input was/);
  });
});
