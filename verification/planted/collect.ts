import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mark, marksOfPage, marksOfTest } from './marks.ts';

const PAGES = ['docs/guarantees.md', 'docs/requirements.md'];

/** Lists the files of a repository as it is now: tracked, or new and not ignored. */
export function filesOf(root: string): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\0').filter((file) => file !== '');
}

/** Reads all marks of a repository: its two pages of promises, and the comments of its tests. */
export function collectMarks(root: string): Mark[] {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const tests = filesOf(root).filter((file) => file.endsWith('.test.ts'));
  return [
    ...PAGES.flatMap((page) => marksOfPage(page, read(page))),
    ...tests.flatMap((file) => marksOfTest(file, read(file))),
  ];
}
