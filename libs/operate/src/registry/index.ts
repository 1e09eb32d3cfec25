/** The shape of what an operator sees and does, from which commands, pages and JSON routes are made. */
export { type Act, type Acting, act, type Outcome, type Preview } from './act.ts';
export { type Field, type Fields, type InputOf, schemaOf, type Shape } from './fields.ts';
export type { Reads, Tables } from './reads.ts';
export { tableOf } from './table.ts';
export { type Column, type View, view } from './view.ts';
