import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const affectedBy = (file: string): readonly string[] =>
  JSON.parse(
    execFileSync('node_modules/.bin/nx', ['show', 'projects', '--affected', `--files=${file}`, '--json'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', NX_DAEMON: 'false' },
    }),
  ) as string[];

it.each(['README.md', '.github/workflows/release.yml'])(
  'a change of %s concerns the projects whose tests read it',
  (file) => {
    expect(affectedBy(file)).toEqual(expect.arrayContaining(['docs', 'infra', 'test', 'verification']));
  },
);
