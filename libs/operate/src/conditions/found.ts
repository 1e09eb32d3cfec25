/** What a condition is about. */
export interface About {
  readonly consumer?: string | undefined;
  readonly topic?: string | undefined;
  readonly reconciler?: string | undefined;
  readonly name?: string | undefined;
  readonly id?: string | undefined;
}

/** A condition that is true now. Home, doctor and map show the same one; readers add how long ago it began. */
export interface FoundCondition {
  /** The name of the condition, as docs/guides/alarms.md has it. */
  readonly alarm: string;
  /**
   * `act`: it does not continue before an operator acts. `watch`: it is late, and may continue by itself.
   * `note`: a line of `converge doctor` alone; on home it would be noise.
   */
  readonly severity: 'act' | 'watch' | 'note';
  readonly text: string;
  /** null = the database does not know since when. */
  readonly since: Date | null;
  /** The next command. */
  readonly next: string;
  readonly about: About;
  /** Where the console acts on it, in place of the command. */
  readonly page?: ConsolePage;
  /** The word of its state, where "late" is not it. */
  readonly state?: 'paused' | 'given up';
}

/** A page of the console, and what one does there. `HERE` in it is the database of the condition. */
export interface ConsolePage {
  readonly does: string;
  readonly path: string;
}

/** Stands for the database of a condition in the path of a page. */
export const HERE = ':database';

/** Describes a page by its path and query; what is undefined is left out. Pure. */
export function page(
  does: string,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): ConsolePage {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value === HERE ? HERE : encodeURIComponent(value)}`],
  );
  return { does, path: given.length === 0 ? path : `${path}?${given.join('&')}` };
}

/** Returns the address of a page for the database in which its condition was found. Pure. */
export const addressOf = ({ path }: ConsolePage, database: string): string =>
  path.replace(HERE, () => encodeURIComponent(database));
