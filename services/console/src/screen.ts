import type { Broker } from '@convergekit/broker';
import type { Clock } from '@convergekit/core';
import type { Declarations } from '@convergekit/operate/declared';
import type { Settings } from '@convergekit/operate/host';
import type { Databases } from './databases.ts';
import type { DefineAction } from './routes/action-definition.ts';
import type { DefineLook } from './routes/look.ts';
import type { DefineView } from './routes/view.ts';
import type { App, PayloadPrivacy } from './types.ts';

export type { App, PageContent, PayloadPrivacy } from './types.ts';

/** The surroundings of a screen. */
export interface ConsoleContext {
  readonly databases: Databases;
  /** undefined = no broker is set: what only the broker knows is left out, with a note. */
  readonly broker: Broker | undefined;
  readonly clock: Clock;
  readonly payloads: PayloadPrivacy;
  readonly settings: Settings;
  /** What the modules of the settings declare. */
  readonly declared: Declarations;
  /** Aborted when the console stops: what would outlast its request ends then. */
  readonly stopping: AbortSignal;
  /**
   * Defines a page and its twin in the API at once: `GET <path>` and `GET /api<path>` answer with the same data.
   */
  readonly view: DefineView;
  /**
   * Defines an action: `GET` shows the preview with the form, `POST` acts; `/api<path>` has the same two. It asks for a
   * reason, refuses visitors who are not signed in, and shows the progress and the result.
   */
  readonly action: DefineAction;
  /**
   * Defines a look at a payload in full, where `payloads` permits it: it asks for a reason, and is audited before anything
   * is shown. What is shown without it goes through `shownPayload`.
   */
  readonly look: DefineLook;
}

/** A screen of the console: its routes, and its place in the menu. */
export interface Screen {
  /** The first segment of its paths, and the name of its screenshots. */
  readonly name: string;
  readonly title: string;
  /** The path of its entry in the menu. */
  readonly path: string;
  /** One line for the help page. */
  readonly summary: string;
  /** Define its pages and actions. `app` is for what is neither, such as a stream of server-sent events. */
  readonly routes: readonly ((context: ConsoleContext, app: App) => void)[];
}
