import { REASON_MAX } from '@convergekit/postgres/operate';
import type { Concerned, Role } from '@convergekit/operate/host';
import { z } from 'zod';
import type { Html } from '../layout/html.ts';
import type { Outcome, Report } from './running.ts';
import type { Visit } from './view.ts';

/** What an action would do, before it is done. */
export const previewSchema = z.object({
  /** The number of things that the action would change now. */
  eligible: z.number().int(),
  /** What they are, in the plural: `dead letters`. */
  unit: z.string(),
  /** The others that match the filter, and why they stay as they are. A reason without any is left out. */
  others: z.array(z.object({ count: z.number().int(), why: z.string() })).default([]),
  /** What happens to the eligible ones, in one or two sentences. */
  effect: z.string(),
  /** The eligible ones with an obstacle that the operator may pass by a field of the form. */
  passable: z.number().int().optional(),
  /** Fields without which some are left out: the page shows each as a link to another preview. */
  consents: z.array(z.object({ field: z.string(), value: z.string(), label: z.string() })).default([]),
  /** What the form has in its fields where the query gives nothing. */
  suggested: z.record(z.string(), z.number()).optional(),
  /** What a field of the form may be; none = the form leaves it out. */
  choices: z.record(z.string(), z.array(z.string())).default({}),
  /** What was seen of the things, which the form sends back: a later change prevents the action. */
  seen: z.string().optional(),
  /** Remarks, such as the last act on a thing. */
  notes: z.array(z.string()).default([]),
  /** A payload that the action replaces, as far as it may be shown. */
  payload: z.object({ label: z.string(), text: z.string() }).optional(),
});

export type Preview = z.input<typeof previewSchema>;

/** The operator of an action. */
export interface Acting {
  readonly user: string;
  readonly reason: string;
  /** The number of the preview that the operator saw; undefined from the API without `expected`. */
  readonly expected: number | undefined;
  /** What the preview saw; undefined from the API without `seen`. */
  readonly seen: string | undefined;
  readonly report: Report;
  /** Aborts when the operator, or the end of the console, stops the action: it ends between two of its things. */
  readonly signal: AbortSignal;
}

/** An action of an operator: preview, reason, progress, audit row, link to the result. */
export interface Action<Input extends z.ZodObject> {
  /** The path in Hono's form. */
  readonly path: string;
  /** A verb phrase: `Retry dead letters`. */
  readonly title: string;
  readonly summary: string;
  /** The least role that may act. @default operator */
  readonly needs?: Role;
  /** What the act concerns: users act in their areas alone. `*` = any that the input does not name. */
  readonly concerns: (input: z.output<Input>) => Concerned | Promise<Concerned>;
  /** The fields of path, query and form: which things, by the filter of their list, and how. All arrive as texts. */
  readonly input: Input;
  /** The fields of a preview, where the form asks for some that it lacks. @default input */
  readonly previewed?: z.ZodObject;
  readonly preview: (input: z.output<Input>, visit: Visit) => Promise<Preview>;
  /** Own fields of the form, above the reason. Those of the query stay as they are, hidden. @default none */
  readonly fields?: (input: z.output<Input>, preview: Preview) => Html;
  /**
   * Acts, by a function of a package that leaves the audit row. Throw `conflict` when the present state does not allow it.
   */
  readonly run: (input: z.output<Input>, acting: Acting) => Promise<Outcome>;
}

export type DefineAction = <Input extends z.ZodObject>(action: Action<Input>) => void;

/** The reason of an act or of a look. */
export const reasonField = z
  .string()
  .trim()
  .min(1, 'give a reason: it goes into the audit')
  .max(REASON_MAX, `give a reason of at most ${REASON_MAX} characters`);

/** The fields of every action's form. */
export const formFields = z.object({
  reason: reasonField,
  expected: z.coerce.number().int().optional(),
  seen: z.string().max(20_000).optional(),
});
