import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { country, orderId, reason } from './parts.ts';

const topic = 'shop.shipping';
const key = (data: { orderId: string }): string => data.orderId;

/** The carrier has the parcel. There is no way back from here. */
export const parcelHanded = defineEvent({
  type: 'shop.parcel.handed',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, trackingId: z.string(), country }),
});

/** The carrier does not take the parcel, or the order was called off before it did. */
export const parcelRefused = defineEvent({
  type: 'shop.parcel.refused',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
