import type { Breaks } from './place.ts';

/**
 * A difference between the definitions and the committed files.
 * `incompatible`: a published version changed · `not_written`: a new version without a file · `outdated`: a compatible
 * change that the files lack · `withdrawn`: a published version that no definition reads any more.
 */
export interface SchemaChange {
  readonly kind: 'incompatible' | 'not_written' | 'outdated' | 'withdrawn';
  readonly type: string;
  readonly version: number;
  /** The path inside the payload; empty for the whole payload. */
  readonly path: string;
  /** The side that an `incompatible` change breaks; other kinds have none. */
  readonly breaks?: Breaks;
  readonly reason: string;
  readonly fix: string;
}
