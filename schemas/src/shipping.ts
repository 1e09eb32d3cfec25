import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { country, orderId, reason } from './parts.ts';

const topic = 'shop.shipping';
const key = (data: { orderId: string }): string => data.orderId;

/** The carrier has the parcel: the saga can only go forward. */
export const parcelHanded = defineEvent('shop.parcel.handed', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, trackingId: z.string(), country }),
});

/** The carrier refused the parcel, or the order was cancelled first. */
export const parcelRefused = defineEvent('shop.parcel.refused', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
