import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Rule {
  readonly file: string;
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly Omit<Rule, 'file'>[] }[];
}

/** The folder of the rules. */
export const rulesFolder = new URL('./', import.meta.url);

/** The files of rules, by name. */
export function rulesFiles(): readonly string[] {
  return readdirSync(rulesFolder)
    .filter((name) => name.endsWith('.rules.yaml'))
    .sort();
}

/** Reads all rules of this folder. */
export function readRules(): readonly Rule[] {
  return rulesFiles().flatMap((file) => {
    const { groups } = parse(readFileSync(new URL(file, rulesFolder), 'utf8')) as Rules;
    return groups.flatMap(({ rules }) => rules.map((rule) => ({ ...rule, file })));
  });
}
