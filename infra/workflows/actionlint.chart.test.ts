import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { expect, it } from 'vitest';
import { toolOf } from '../helm/fixture/tools.ts';
import { root } from '../packages/workspaces.ts';

it('actionlint finds nothing in the workflows', () => {
  const files = globSync('.github/workflows/*.yml', { cwd: root });
  const tool = toolOf('actionlint') ?? 'actionlint';
  expect(execFileSync(tool, ['-no-color', ...files], { cwd: root, encoding: 'utf8' })).toBe('');
});
