import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { describe, it } from 'node:test';
import { openDataset, type DatasetName } from 'gemma-3ncore/data/dataset';
import { writePhantomCamus } from 'gemma-3ncore/data/phantom/camus';
import { writePhantomDataset } from 'gemma-3ncore/data/phantom/dataset';
import { tracingColumns } from 'gemma-3ncore/data/tracings';
import { readJsonObject } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import { useTemporaryFolder } from './support/folder.js';
import { filesIn } from './support/run.js';

interface Manifest {
  readonly distribution: readonly {
    readonly '@id': string;
    readonly contentUrl?: string;
    readonly includes?: string;
  }[];
  readonly recordSet: readonly {
    readonly '@id': string;
    readonly data?: readonly Readonly<Record<string, string>>[];
    readonly field: readonly {
      readonly name: string;
      readonly source?: { readonly extract?: { readonly column?: string } };
    }[];
  }[];
}

const folderFor = useTemporaryFolder();
const config = { studies: 4, seed: 5, size: 32, split: { train: 0.5, val: 0.25 } };
const manifestOf = (name: DatasetName): Manifest =>
  readJsonObject(projectPath('data-manifests', 'datasets', `${name}.json`)) as unknown as Manifest;

/** The files below a folder by the part of the manifest's distribution that describes them. */
function described(root: string, { distribution }: Manifest): Record<string, string[]> {
  const files = filesIn(root);
  const entries = distribution.map(({ '@id': id, contentUrl = '', includes = contentUrl }) => {
    const escaped = includes.replace(/[.]/g, '\\.').replaceAll('*', '[^/]*').replaceAll('?', '[^/]');
    return [id, files.filter((file) => new RegExp(`^${escaped}$`).test(file))];
  });
  return Object.fromEntries(entries) as Record<string, string[]>;
}

/** Columns that the manifest's record set reads, in order. */
function columnsOf({ recordSet }: Manifest, id: string): string[] {
  const fields = recordSet.find((set) => set['@id'] === id)?.field ?? [];
  return fields.flatMap(({ source }) => source?.extract?.column ?? []);
}

function splitsOf({ recordSet }: Manifest): (string | undefined)[] {
  return (recordSet.find((set) => set['@id'] === 'splits')?.data ?? []).map((row) => row['splits/name']);
}

describe('file patterns, columns and splits of data-manifests/datasets', () => {
  for (const name of ['phantom', 'echonet-dynamic'] as const) {
    it(`of ${name} are those of the reader`, async () => {
      const root = folderFor(`${name}-root`);
      await writePhantomDataset(root, config);
      const { studies } = await openDataset(name, root);
      const manifest = manifestOf(name);
      assert.deepEqual(described(root, manifest), {
        'file-list': ['FileList.csv'],
        'volume-tracings': ['VolumeTracings.csv'],
        videos: studies.map(({ video }) => relative(root, String(video))).sort(),
      });
      assert.deepEqual(columnsOf(manifest, 'tracings').sort(), [...tracingColumns].sort());
      const listed = ['EDV', 'EF', 'ESV', 'FPS', 'FileName', 'FrameHeight', 'FrameWidth', 'NumberOfFrames', 'Split'];
      assert.deepEqual(columnsOf(manifest, 'studies').sort(), listed);
      assert.deepEqual(splitsOf(manifest), ['TRAIN', 'VAL', 'TEST']);
      assert.deepEqual([...new Set(studies.map(({ split }) => split))].sort(), ['TEST', 'TRAIN', 'VAL']);
    });
  }

  it('of camus are those of the reader', async () => {
    const root = folderFor('camus-root');
    await writePhantomCamus(root, config);
    const { studies } = await openDataset('camus', root);
    const manifest = manifestOf('camus');
    const found = described(root, manifest);
    const read = studies.flatMap(({ video }) =>
      typeof video === 'object' && 'ED' in video ? [relative(root, video.ED.path), relative(root, video.ES.path)] : [],
    );
    assert.equal(read.length, 2 * studies.length);
    assert.deepEqual(found['images'], read.sort());
    assert.equal(found['masks']?.length, read.length);
    assert.deepEqual([found['infos']?.length, found['half-sequences']?.length], [studies.length, studies.length]);
    assert.equal(found['subgroups']?.length, 3);
    assert.deepEqual(splitsOf(manifest), ['TRAIN', 'VAL', 'TEST']);
  });
});
