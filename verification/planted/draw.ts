import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Mark } from './marks.ts';

/** The seed by which the faults of this folder were drawn. */
export const SEED = '27';

/**
 * Draws marks by a seed. Pure. The order of any two depends on nothing else, and not on their folders: a mark that is
 * added, removed or moved leaves the others where they are, and a longer draw begins with the shorter one.
 * `pick`, from 0 to 1: which of several remedies that a mark names is taken out.
 */
export function draw(marks: readonly Mark[], seed: string, count: number) {
  return marks
    .map((mark) => {
      const place = [seed, posix.basename(mark.file), mark.text].join('\n');
      return { mark, rank: createHash('sha256').update(place).digest('hex') };
    })
    .toSorted((one, other) => (one.rank < other.rank ? -1 : 1))
    .slice(0, count)
    .map(({ mark, rank }) => ({ ...mark, pick: Number.parseInt(rank.slice(-8), 16) / 2 ** 32 }));
}

/** Lists a draw with its seed, one mark after the other. Pure. */
export function drawText(marks: readonly Mark[], seed: string, count: number): string {
  const ofDocs = marks.filter(({ file }) => file.endsWith('.md')).length;
  const drawn = draw(marks, seed, count).map(({ file, line, row, tests, pick, text }, index) => {
    const place = `${String(index + 1).padStart(2, '0')}  ${file}:${line}${row === undefined ? '' : ` ${row}`}`;
    const names = tests.filter((test) => test !== file).join(', ');
    return `${place}${names === '' ? '' : ` (${names})`}\n    pick ${pick.toFixed(3)} of: ${text}`;
  });
  const from = `${marks.length} marks, ${ofDocs} in docs and ${marks.length - ofDocs} in tests`;
  return [`seed ${seed}: ${drawn.length} of ${from}`, ...drawn].join('\n');
}
