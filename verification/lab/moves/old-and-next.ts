import type { EmbeddedServer } from '@convergekit/testing/engine';

/** The folders of the programs of both versions. */
export interface Bins {
  readonly old: string;
  readonly new: string;
}

/** Both servers, and the names of the databases that move. */
export interface Servers {
  readonly old: EmbeddedServer;
  readonly next: EmbeddedServer;
  readonly bins: Bins;
  readonly databases: readonly string[];
}
