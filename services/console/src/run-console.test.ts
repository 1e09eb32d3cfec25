import { expect, it, vi } from 'vitest';
import { runConsole } from './run-console.ts';

it('`converge-console --help` prints how it is used, and starts nothing', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  for (const flag of ['--help', '-h']) await runConsole(flag);
  const texts = write.mock.calls.map(([text]) => String(text));
  write.mockRestore();
  expect(texts).toHaveLength(2);
  for (const text of texts) expect(text).toMatch(/^Usage: converge-console .*CONVERGE__DATABASES__/s);
  expect(process.exitCode).toBeUndefined();
});
