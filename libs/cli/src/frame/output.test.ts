import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { formatMs, table } from '@convergekit/operate/text';
import { createOutput } from './output.ts';

function captured(json: boolean, quiet: boolean) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk: Buffer) => (written[name] += chunk.toString()));
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') };
  return { written, output: createOutput(streams, { json, quiet }) };
}

describe('output', () => {
  it('output of a command has data on stdout and progress on stderr', () => {
    const { written, output } = captured(false, false);
    output.progress('working');
    output.result({ n: 1 }, () => ['one', 'two']);
    expect(written).toEqual({ stdout: 'one\ntwo\n', stderr: 'working\n' });
  });

  it('output with --json is one JSON document, with big integers as text', () => {
    const { written, output } = captured(true, false);
    output.result({ position: 9_007_199_254_740_993n }, () => ['no']);
    expect(JSON.parse(written.stdout)).toEqual({ position: '9007199254740993' });
  });

  it('output with --quiet keeps the data and drops the progress', () => {
    const { written, output } = captured(false, true);
    output.progress('working');
    output.result({}, () => ['data']);
    expect(written).toEqual({ stdout: 'data\n', stderr: '' });
  });

  // Planted fault: without the escape, the terminal takes the 8-bit form of an escape sequence from data.
  it('output escapes control characters of data, keeps the colours of its marks, and stays JSON', () => {
    const hostile = 'a\u009b31m\u001b[2Jb';
    const text = captured(false, false);
    text.output.line({}, () => `\u001b[31mFAIL\u001b[39m\t${hostile}`);
    text.output.progress(hostile);
    expect(text.written).toEqual({
      stdout: '\u001b[31mFAIL\u001b[39m\ta\\u009b31m\\u001b[2Jb\n',
      stderr: 'a\\u009b31m\\u001b[2Jb\n',
    });
    const json = captured(true, false);
    json.output.result({ key: hostile }, () => []);
    expect(json.written.stdout).not.toContain('\u009b');
    expect(JSON.parse(json.written.stdout)).toEqual({ key: hostile });
  });

  it('a value that would look like another row, hide the rest of its row or turn it round is escaped', () => {
    const hostile = 'k1\nok    nothing is wrong\u001b[8m \u202edeifirev';
    const text = captured(false, false);
    text.output.result({}, () => [`FAIL  ${hostile}`, 'the end']);
    text.output.line({}, () => hostile);
    const shown = 'k1\\u000aok    nothing is wrong\\u001b[8m \\u202edeifirev';
    expect(text.written.stdout).toBe(`FAIL  ${shown}\nthe end\n${shown}\n`);
    const json = captured(true, false);
    json.output.result({ key: hostile }, () => []);
    expect(json.written.stdout.split('\n')).toHaveLength(4);
    expect(json.written.stdout).not.toContain('\u202e');
    expect(JSON.parse(json.written.stdout)).toEqual({ key: hostile });
  });

  it('output has no colour codes where the stream is no terminal', () => {
    expect(captured(false, false).output.mark('fail')).toBe('FAIL');
  });
});

it('a table pads each column to its widest cell', () => {
  expect(
    table([
      ['a', 'long'],
      ['bbb', 'c'],
    ]),
  ).toEqual(['a    long', 'bbb  c']);
});

it.each([
  [-1, '0 ms'],
  [950.4, '950 ms'],
  [1_000, '1 s'],
  [60_000, '1 min'],
  [61_000, '1 min 1 s'],
  [7_300_000, '2 h 1 min'],
])('a duration of %d ms is written as %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});
