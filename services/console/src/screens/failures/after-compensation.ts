import { z } from 'zod';
import type { Preview } from '../../routes/action-definition.ts';

/** The field by which an operator runs given-up events again whose failure events are published. */
export const afterCompensationField = { afterCompensation: z.literal('yes').optional() };

export type AfterCompensationField = z.output<z.ZodObject<typeof afterCompensationField>>;

/** The choice as the inbox takes it (pure). */
export const chosenOf = ({ afterCompensation }: AfterCompensationField) => ({
  afterCompensation: afterCompensation === 'yes',
});

/** The link of a preview that leaves out events whose failure events are published (pure). */
export const consentOf = (
  reported: number,
  { afterCompensation }: AfterCompensationField,
): Preview['consent'] =>
  reported === 0 || afterCompensation === 'yes'
    ? undefined
    : { field: 'afterCompensation', value: 'yes', label: `Include the ${reported} that may be compensated` };
