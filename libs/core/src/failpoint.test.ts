import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const program = `
  import { failpoint } from ${JSON.stringify(new URL('./engine.ts', import.meta.url).href)};
  for (let round = 1; round <= 4; round += 1) {
    failpoint('relay.before_send');
    process.stdout.write('sent ' + round + ' ');
    failpoint('relay.after_send');
  }
`;
function run(wanted?: string): { signal: string | null; status: number | null; said: string } {
  const env = { ...process.env, ...(wanted !== undefined && { CONVERGE_FAILPOINT: wanted }) };
  const { signal, status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    env,
    encoding: 'utf8',
  });
  return { signal, status, said: stdout.trim() };
}

describe('a failpoint', () => {
  it.each<[string | undefined, string | null, string]>([
    [undefined, null, 'sent 1 sent 2 sent 3 sent 4'],
    ['', null, 'sent 1 sent 2 sent 3 sent 4'],
    ['relay.other', null, 'sent 1 sent 2 sent 3 sent 4'],
    ['relay.before_send', 'SIGKILL', ''],
    ['relay.after_send', 'SIGKILL', 'sent 1'],
    ['relay.after_send@3', 'SIGKILL', 'sent 1 sent 2 sent 3'],
    ['relay.after_send@5', null, 'sent 1 sent 2 sent 3 sent 4'],
  ])('CONVERGE_FAILPOINT=%s ends the process by signal %s after the output "%s"', (wanted, signal, said) => {
    expect(run(wanted)).toEqual({ signal, status: signal === null ? 0 : null, said });
  });
});
