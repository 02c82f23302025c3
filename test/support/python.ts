import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from 'gemma-3ncore/host/places';

/** The interpreter of an environment of the tests (`test/python/<name>.txt`), made where it is missing or old. */
export function testPython(name = 'requirements'): string {
  const folder = projectPath('.cache', name === 'requirements' ? 'test-python' : `test-python-${name}`);
  const requirements = projectPath('test', 'python', `${name}.txt`);
  const lock = readFileSync(requirements, 'utf8');
  const stamp = join(folder, 'requirements.txt');
  const python = join(folder, 'bin', 'python');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(projectPath('.cache'), { recursive: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(python, ['-m', 'pip', 'install', '-q', '--require-hashes', '-r', requirements], { stdio: 'inherit' });
  writeFileSync(`${stamp}.part`, lock);
  renameSync(`${stamp}.part`, stamp);
  return python;
}

/** Makes an EchoNet-Dynamic folder from real pixels, its tracings and labels drawn by the test (test/python/real_pixels.py). */
export function writeRealPixels(folder: string, clips: number): void {
  execFileSync(testPython(), [projectPath('test', 'python', 'real_pixels.py'), folder, '--clips', String(clips)], {
    stdio: 'inherit',
  });
}
