import { defineEvent } from 'convergekit';
import { z } from 'zod';

const fact = <Type extends string>(type: Type) =>
  defineEvent({ type, version: 1, topic: 'trips', key: ({ id }) => id, data: z.object({ id: z.string() }) });
export const tripAsked = fact('trip.asked');
export const roomHeld = fact('room.held');
export const roomRefused = fact('room.refused');
export const roomFreed = fact('room.freed');
export const seated = fact('trip.seated');
