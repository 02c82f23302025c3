import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { promisify } from 'node:util';

/** An NVIDIA GPU as its driver describes it. */
export interface Gpu {
  readonly name: string;
  readonly memoryMB: number;
  readonly driver: string;
}

/** The processor. */
export interface Processor {
  readonly model: string;
  /** Threads that the process may use. */
  readonly threads: number;
  /** Vector instructions that the kernels profit from, e.g. `avx2`, `fma`; empty where the system does not tell. */
  readonly instructions: readonly string[];
}

const vectorInstructions = [
  'sse4_2',
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx_vnni',
  'amx_bf16',
  'asimd',
  'sve',
];

/** The GPUs that `nvidia-smi` lists; none where it is absent. */
export async function findGpus(): Promise<Gpu[]> {
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'];
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 });
    return parseGpus(stdout);
  } catch {
    return [];
  }
}

/** Reads the lines `name, memory in MiB, driver version`. */
export function parseGpus(csv: string): Gpu[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length === 3)
    .map(([name = '', mebibytes = '', driver = '']) => ({ name, memoryMB: Number(mebibytes) * 1.048576, driver }));
}

/** The processor as the system describes it. */
export function describeProcessor(): Processor {
  return {
    model: cpus()[0]?.model.trim() || process.arch,
    threads: availableParallelism(),
    instructions: parseInstructions(readCpuInfo()),
  };
}

/** The vector instructions among the `flags` (x86) or `Features` (ARM) of /proc/cpuinfo. */
export function parseInstructions(cpuinfo: string): string[] {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return vectorInstructions.filter((name) => flags.has(name));
}

function readCpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
