import { defineEvent } from '@converge/contracts';
import { z } from 'zod';
import { country, orderId } from './parts.ts';

/** The carrier has the parcel. There is no way back from here. */
export const parcelHanded = defineEvent({
  type: 'shop.parcel.handed',
  version: 1,
  topic: 'shop.shipping',
  key: (data) => data.orderId,
  data: z.object({ orderId, trackingId: z.string(), country }),
});
