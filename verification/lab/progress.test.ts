import { describe, expect, it } from 'vitest';
import { progress } from './progress.ts';

function screen(isTTY: boolean): {
  written: string[];
  isTTY: boolean;
  columns: number;
  write(text: string): void;
} {
  const written: string[] = [];
  return { written, isTTY, columns: 20, write: (text) => void written.push(text) };
}

describe('progress', () => {
  it('progress rewrites one line on a terminal, and keeps events above it', () => {
    const tty = screen(true);
    const shown = progress(tty, () => 1_000);
    shown.status('a status that is longer than the terminal');
    shown.note('killed');
    shown.end();
    expect(tty.written).toEqual(['\r\u001b[K  0 s  a status tha', '\r\u001b[K', '  0 s  killed\n']);
  });

  it('progress writes a line every five seconds where there is no terminal', () => {
    const log = screen(false);
    let now = 0;
    const shown = progress(log, () => now);
    for (now = 0; now < 11_000; now += 1_000) shown.status(`at ${now}`);
    expect(log.written).toEqual(['  0 s  at 0\n', '  5 s  at 5000\n', ' 10 s  at 10000\n']);
  });
});
