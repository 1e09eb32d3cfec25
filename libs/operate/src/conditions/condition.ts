import type { Check } from './checks.ts';

/** The parts of a service that conditions are about. */
export type Noun = 'source' | 'consumer' | 'saga' | 'reconciler';

/** A lasting state or a single occurrence that an operator should know. Guide, pages, rules and doctor show this one. */
export interface Condition {
  /** Stable: logs, metrics, alert rules and runbooks use it. */
  readonly name: string;
  readonly noun: Noun;
  /** What is true while it lasts. */
  readonly means: string;
  /** The next step of an operator. */
  readonly next: string;
  /** `now`: a rule wakes an operator. `today`: a rule opens a ticket. `log`: no metric shows it. */
  readonly page: 'now' | 'today' | 'log';
  /** What the table of the guide has beside: when it is raised, or which kind it is. */
  readonly more?: string;
  /** The checks of home and doctor that find it; or where it is seen in place of them. */
  readonly found: readonly Check[] | string;
}

/** Declares the conditions that an engine names in a table of its own: `of` says who is to know, and what finds it. Pure. */
export function conditionsOfEngine<Definition extends Pick<Condition, 'means' | 'next'>>(
  noun: Noun,
  table: Readonly<Record<string, Definition>>,
  of: (name: string, definition: Definition) => Pick<Condition, 'page' | 'more' | 'found'>,
): readonly Condition[] {
  return Object.entries(table).map(([name, definition]) => {
    const { means, next } = definition;
    return { name, noun, means, next, ...of(name, definition) };
  });
}
