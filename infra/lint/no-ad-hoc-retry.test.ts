import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Linter } from 'eslint';
import { afterAll, describe, expect, it } from 'vitest';
import { noAdHocRetry } from './no-ad-hoc-retry.js';

const folder = mkdtempSync(join(tmpdir(), 'converge-lint-'));
writeFileSync(
  join(folder, 'waits.js'),
  `export const nap = (ms) => new Promise((r) => setTimeout(r, ms));

export const twice = (n) => 2 * n;

export async function rest(ms) {
  if (ms > 0)
    await new Promise((r) => setTimeout(r, ms));
}

export function next(n) {
  return n + 1;
}
`,
);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A loop that catches, and then calls the given function of another file. */
const catching = (name: string): string =>
  `import { ${name} } from './waits.js'; export async function g() { for (;;) { try { return await f(); } catch { await ${name}(9); } } }`;

function found(code: string): readonly (string | undefined)[] {
  const plugins = { converge: { rules: { 'no-ad-hoc-retry': noAdHocRetry } } };
  const messages = new Linter({ cwd: folder }).verify(
    code,
    [{ plugins, rules: { 'converge/no-ad-hoc-retry': 'error' } }],
    { filename: join(folder, 'a.js') },
  );
  return messages.map(({ messageId, message }) => messageId ?? message);
}

describe('the rule against ad-hoc retries', () => {
  it.each([
    [
      'a timer in a loop that catches',
      'async () => { for (;;) { try { return await f(); } catch { await new Promise((r) => setTimeout(r, 100)); } } }',
      ['timer'],
    ],
    [
      'a timer behind the try of a loop',
      'async () => { while (true) { try { return await f(); } catch (e) { n += 1; } await timers.setTimeout(5); } }',
      ['timer'],
    ],
    [
      'a call again from a catch',
      'async function g() { try { await f(); } catch { setTimeout(g, 100); } }',
      ['timer'],
    ],
    [
      'a promise that catches in a loop',
      'async () => { for (const x of xs) await f(x).catch(() => delay(9)); }',
      ['timer'],
    ],
    [
      'a sleep of a fixed time',
      'async () => { for (;;) { try { return await f(); } catch { await clock.sleep(500); } } }',
      ['timer'],
    ],
    [
      'a timer of a function of the same file',
      'const wait = (ms) => new Promise((r) => setTimeout(r, ms)); async () => { for (;;) { try { return await f(); } catch { await wait(9); } } }',
      ['timer'],
    ],
    ['a timer of a function of another file', catching('nap'), ['timer']],
    ['a timer in the body of a function of another file', catching('rest'), ['timer']],
    ['a retry inside a retry', 'retry(() => retry(f, options), options)', ['nested']],
  ])('S25: the rule against ad-hoc retries refuses %s', (_, code, expected) =>
    expect(found(code)).toEqual(expected),
  );

  it.each([
    ['a time limit', 'new Promise((resolve) => setTimeout(resolve, 100))'],
    ['a loop that only waits', 'async () => { for (;;) { await f(); await setTimeout(100); } }'],
    [
      'a wait that the policy computed',
      'async () => { for (;;) { try { f(); } catch { await clock.sleep(delayMs(b, 1, r)); } } }',
    ],
    [
      'a function of the same file that sets no timer',
      'const next = (n) => n + 1; async () => { for (;;) { try { f(); } catch { n = next(n); } } }',
    ],
    ['a function of another file that sets no timer', catching('twice')],
    ['a function behind one that sets a timer', catching('next')],
    ['two retries side by side', 'async () => { await retry(f, o); await retry(g, o); }'],
  ])('the rule against ad-hoc retries accepts %s', (_, code) => expect(found(code)).toEqual([]));
});
