import type { ConfigIssue } from './error.ts';

/** One value at one place, and where it came from. A group (`{}`) says only that its place is there. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
  /** For example `environment DATABASE_URL`, `file converge.yaml`. */
  readonly source: string;
  readonly secret: boolean;
}

/** What one source gives: its settings, and what is wrong with it by itself. */
export interface Layer {
  readonly settings: readonly Setting[];
  readonly issues: readonly ConfigIssue[];
}
