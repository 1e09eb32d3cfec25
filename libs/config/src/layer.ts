import type { ConfigIssue } from './error.ts';

/** The value of one path, and its source. An empty group (`{}`) marks its path as present. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The source of the value, for example `environment DATABASE_URL` or `file converge.yaml`. */
  readonly source: string;
  readonly secret: boolean;
}

/** The settings of one source, and the issues of that source alone. */
export interface Layer {
  readonly settings: readonly Setting[];
  readonly issues: readonly ConfigIssue[];
}
