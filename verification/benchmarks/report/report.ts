import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import type { CaseResult } from '../case.ts';
import type { Figure } from './figure.ts';
import { figureTable } from './markdown.ts';

/** Has a heading for each case, with its method. */
export const METHODS = 'docs/benchmarks/README.md';

export interface Section {
  /** The name of the case. */
  readonly name: string;
  readonly title: string;
  readonly result: CaseResult | { readonly failed: string };
}

export interface ReportParts {
  readonly title: string;
  /** Machine, versions, settings: Markdown. */
  readonly circumstances: string;
  readonly sections: readonly Section[];
}

export function figuresOf(sections: readonly Section[]): readonly Figure[] {
  return sections.flatMap(({ title, result }): readonly Figure[] =>
    'failed' in result ? [{ name: title, ours: undefined, note: result.failed }] : result.figures,
  );
}

/** Writes the report and, beside it, its plots; returns the files. */
export function writeReport(
  file: string,
  { title, circumstances, sections }: ReportParts,
): readonly string[] {
  const folder = dirname(file);
  const stem = basename(file, extname(file));
  mkdirSync(folder, { recursive: true });
  const files = [file];
  const parts = sections.map(({ name: section, title: heading, result }) => {
    if ('failed' in result) return `## ${heading}\n\nNot measured: ${result.failed}\n`;
    const pictures = (result.plots ?? []).map(({ name, title: caption, svg }) => {
      const picture = `${stem}-${name}.svg`;
      writeFileSync(join(folder, picture), svg);
      files.push(join(folder, picture));
      return `![${caption}](${picture})\n`;
    });
    const method = `Method: [${section}](${relative(folder, METHODS)}#${section}).`;
    return [`## ${heading}`, method, ...pictures, result.rounds].join('\n\n');
  });
  const text = [`# ${title}`, circumstances, figureTable(figuresOf(sections)), ...parts].join('\n\n');
  writeFileSync(file, `${text.replaceAll(/\n{3,}/g, '\n\n').trimEnd()}\n`);
  return files;
}
