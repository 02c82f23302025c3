// Opens JupyterLab on the notebooks: `npm run lab -- [options of jupyter lab]`.
import { spawn } from 'node:child_process';
import { inRoot, inVenv } from './setup/project.mjs';

// Settings and run-time files stay inside the clone unless the user has named places of their own.
const places = {
  JUPYTER_CONFIG_DIR: 'config',
  JUPYTER_DATA_DIR: 'data',
  JUPYTER_RUNTIME_DIR: 'runtime',
  IPYTHONDIR: 'ipython',
};
const inside = Object.fromEntries(
  Object.entries(places).map(([name, folder]) => [name, process.env[name] ?? inRoot('.cache', 'jupyter', folder)]),
);
const lab = spawn(inVenv('bin', 'jupyter'), ['lab', ...process.argv.slice(2)], {
  cwd: inRoot('notebooks'),
  env: { ...process.env, ...inside },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => lab.kill(signal));
lab.on('error', (error) => {
  process.stderr.write(`JupyterLab did not start (${error.message}); run \`node kernels/setup.mjs\`.\n`);
  process.exitCode = 2;
});
lab.on('exit', (code) => {
  process.exitCode = code ?? 130;
});
