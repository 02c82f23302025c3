import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openDataset } from 'gemma-3ncore/data/dataset';
import { writePhantomDataset, type PhantomConfig } from 'gemma-3ncore/data/phantom/dataset';
import { renderFrame } from 'gemma-3ncore/data/phantom/render';
import { phantomStudy } from 'gemma-3ncore/data/phantom/study';
import { pixelMm } from 'gemma-3ncore/data/phantom/view';
import { BadInput } from 'gemma-3ncore/host/errors';
import { setProgressSink } from 'gemma-3ncore/host/progress';
import { aviFrames } from '../support/riff.js';
import { shoelace } from '../support/polygon.js';

const config: PhantomConfig = { studies: 10, seed: 21, size: 64, split: { train: 0.6, val: 0.2 } };
const folder = mkdtempSync(join(tmpdir(), 'phantom-'));
const root = join(folder, 'data');

type Row = Record<string, string>;

function rows(file: string): Row[] {
  const [header = '', ...lines] = readFileSync(join(root, file), 'utf8').trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i]!, value])));
}

function bytes(of: string): Map<string, Buffer> {
  const files = readdirSync(of, { recursive: true, encoding: 'utf8' }).filter((f) => statSync(join(of, f)).isFile());
  return new Map(files.sort().map((file) => [file, readFileSync(join(of, file))]));
}

/** The traced frames of a study: its lines by frame. */
function tracings(name: string): Map<number, number[][]> {
  const found = new Map<number, number[][]>();
  for (const row of rows('VolumeTracings.csv').filter((r) => r['FileName'] === `${name}.avi`)) {
    const frame = Number(row['Frame']);
    found.set(frame, [...(found.get(frame) ?? []), ['X1', 'Y1', 'X2', 'Y2'].map((c) => Number(row[c]))]);
  }
  return found;
}

function polygonArea([, ...chords]: number[][]): number {
  const side = (x: number, y: number): [number, number][] => chords.map((c) => [c[x]!, c[y]!]);
  return shoelace([...side(0, 1), ...side(2, 3).reverse()]);
}

/** Single-plane method of discs from the lines of a tracing, mL. */
function discs([axis, ...chords]: number[][]): number {
  const mm = pixelMm(config.size);
  const length = (line: number[]): number => mm * Math.hypot(line[2]! - line[0]!, line[3]! - line[1]!);
  const areas = chords.map((chord) => (Math.PI / 4) * length(chord) ** 2);
  return (areas.reduce((a, b) => a + b) * length(axis!)) / chords.length / 1000;
}

describe('phantom data set', () => {
  let putBack: () => void;
  before(async () => {
    putBack = setProgressSink(() => {});
    await writePhantomDataset(root, config);
  });
  after(() => {
    putBack();
    rmSync(folder, { recursive: true });
  });

  it('has the files of EchoNet-Dynamic and says that it is synthetic', () => {
    const names = ['FileList.csv', 'LICENSE', 'README.txt', 'Videos', 'VolumeTracings.csv', 'phantom.json'];
    assert.deepEqual(readdirSync(root).sort(), names);
    assert.match(readFileSync(join(root, 'README.txt'), 'utf8'), /synthetic[^]*not for clinical use/);
    const list = rows('FileList.csv');
    const header = 'FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split';
    assert.equal(Object.keys(list[0]!).join(), header);
    assert.deepEqual(
      readdirSync(join(root, 'Videos')).sort(),
      list.map((row) => `${row['FileName']}.avi`),
    );
    assert.equal(list[0]!['FileName'], 'PHANTOM0001');
    const count = (split: string): number => list.filter((row) => row['Split'] === split).length;
    assert.deepEqual(['TRAIN', 'VAL', 'TEST'].map(count), [6, 2, 2]);
  });

  it('has tracings whose volume by discs is the label within 3 %, the larger polygon at end-diastole', () => {
    for (const row of rows('FileList.csv')) {
      const traced = [...tracings(row['FileName']!)].sort(([, a], [, b]) => polygonArea(b) - polygonArea(a));
      assert.equal(traced.length, 2);
      const [[edFrame, ed], [esFrame, es]] = traced as [[number, number[][]], [number, number[][]]];
      assert.ok(Math.abs(discs(ed) / Number(row['EDV']) - 1) < 0.03);
      assert.ok(Math.abs(discs(es) / Number(row['ESV']) - 1) < 0.03);
      assert.ok(edFrame !== esFrame && Math.max(edFrame, esFrame) < Number(row['NumberOfFrames']));
      const EF = (100 * (Number(row['EDV']) - Number(row['ESV']))) / Number(row['EDV']);
      assert.ok(Math.abs(EF - Number(row['EF'])) < 1e-4);
    }
  });

  it('lists chords from apex to base across the long axis', () => {
    const [[axis, ...chords]] = [...tracings('PHANTOM0001').values()] as [number[][]];
    const [ax, ay, bx, by] = axis as [number, number, number, number];
    const along = chords.map(([x1, y1, x2, y2]) => {
      const across = (x2! - x1!) * (bx - ax) + (y2! - y1!) * (by - ay);
      assert.ok(Math.abs(across) < 0.05, 'a chord stands at a right angle to the axis');
      return ((x1! + x2!) / 2 - ax) * (bx - ax) + ((y1! + y2!) / 2 - ay) * (by - ay);
    });
    assert.ok(along.every((v, i) => i === 0 || v > along[i - 1]!));
  });

  it('is read whole by the reader of EchoNet-Dynamic, which finds the same frames', async () => {
    const set = await openDataset('phantom', root);
    assert.equal(set.studies.length, config.studies);
    set.studies.forEach((read, i) => {
      const study = phantomStudy(config.seed, i, config.size);
      assert.deepEqual([read.id, read.edFrame, read.esFrame], [study.name, study.edFrame, study.esFrame]);
    });
  });

  it('has videos of the frames as drawn', () => {
    const row = rows('FileList.csv')[2]!;
    const avi = aviFrames(readFileSync(join(root, 'Videos', `${row['FileName']}.avi`)));
    assert.deepEqual(
      [avi.width, avi.height, avi.fps, avi.frames.length],
      [config.size, config.size, Number(row['FPS']), Number(row['NumberOfFrames'])],
    );
    const study = phantomStudy(config.seed, 2, config.size);
    const drawn = renderFrame(study, 5);
    const difference = avi.frames[5]!.reduce((sum, v, i) => sum + Math.abs(v - drawn[i]!), 0) / drawn.length;
    // JPEG at quality 90 of a speckled picture
    assert.ok(difference < 3, `mean difference ${difference}`);
  });

  it('has videos that ffmpeg reads without complaint', (t) => {
    if (spawnSync('ffmpeg', ['-version']).status !== 0) return t.skip('no ffmpeg on PATH');
    const row = rows('FileList.csv')[0]!;
    const file = join(root, 'Videos', `${row['FileName']}.avi`);
    const options = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-'];
    const read = spawnSync('ffmpeg', ['-v', 'warning', '-f', 'avi', '-i', file, ...options], { maxBuffer: 1 << 28 });
    assert.equal(read.status, 0);
    assert.equal(read.stdout.length, Number(row['NumberOfFrames']) * config.size ** 2);
    assert.doesNotMatch(read.stderr.toString(), /error|corrupt|invalid/i);
  });

  it('has the same bytes for the same seed, others for another, and is kept when it stands', async () => {
    const second = join(folder, 'second');
    await writePhantomDataset(second, config);
    assert.deepEqual(bytes(second), bytes(root));
    const written = statSync(join(second, 'FileList.csv')).mtimeMs;
    await writePhantomDataset(second, config);
    assert.equal(statSync(join(second, 'FileList.csv')).mtimeMs, written);
    await writePhantomDataset(second, { ...config, studies: 2, seed: 22 });
    const other = bytes(second);
    assert.equal(other.size, 7);
    assert.notDeepEqual(other.get('Videos/PHANTOM0001.avi'), bytes(root).get('Videos/PHANTOM0001.avi'));
  });

  it('may be asked for twice at once', async () => {
    const place = join(folder, 'twice');
    const few = { ...config, studies: 1 };
    await Promise.all([writePhantomDataset(join(place, 'data'), few), writePhantomDataset(join(place, 'data'), few)]);
    assert.deepEqual(readdirSync(place), ['data']);
    assert.ok(readdirSync(join(place, 'data')).includes('phantom.json'));
  });

  it('leaves nothing when it is aborted', async () => {
    const place = join(folder, 'aborted');
    mkdirSync(place);
    const controller = new AbortController();
    const stopped = writePhantomDataset(join(place, 'data'), { ...config, studies: 400 }, controller);
    setTimeout(() => controller.abort(new Error('stop')), 300);
    await assert.rejects(stopped, /^Error: stop$/);
    assert.deepEqual(readdirSync(place), []);
    await assert.rejects(writePhantomDataset(join(place, 'data'), config, controller), /stop/);
  });

  it('refuses a folder it cannot write, a folder of other files and a bad config, and leaves them alone', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, 'mine');
    await assert.rejects(writePhantomDataset(join(file, 'data'), config), (error) => {
      assert.ok(error instanceof BadInput);
      assert.match(error.message, /expected a folder to write to, got a path through something that is not a folder/);
      return true;
    });
    const mine = join(folder, 'mine');
    mkdirSync(mine);
    writeFileSync(join(mine, 'thesis.txt'), 'mine');
    await assert.rejects(writePhantomDataset(mine, config), /got other files/);
    assert.deepEqual(readdirSync(mine), ['thesis.txt']);
    assert.ok(existsSync(file));
    await assert.rejects(writePhantomDataset(root, { ...config, studies: 0 }), /studies: expected a whole number/);
    assert.ok(readdirSync(folder).every((name) => !name.endsWith('.tmp')));
  });
});
