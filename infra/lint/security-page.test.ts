import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../packages/workspaces.ts';

const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| (?!threat|---)/.test(line));

it('each defence of the threat model names a test that exists, and says what is left to the user', () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) {
    const [threat = '', , shown = '', left = ''] = row.slice(2, -2).split(' | ');
    const tests = [...shown.matchAll(/\]\(([^)]+\.test\.ts)\)/g)].map(([, path]) => path ?? '');
    expect(tests.length > 0 || /`make \w+`/.test(shown), threat).toBe(true);
    for (const path of tests) expect(existsSync(join(root, path)), path).toBe(true);
    expect(left.trim(), threat).not.toBe('');
  }
});
