import { describe, expect, it } from 'vitest';
import { forecastOf } from './forecast.ts';

const facts = { sinceOldest: 60_000, oldestTickMs: 3_600_000, kept: 50_000, totalBytes: 40_000_000 };

describe('the forecast of an outbox', () => {
  it('the growth of a day is the rate since the oldest tick, times the bytes of an event', () => {
    expect(forecastOf(facts)).toEqual({
      eventsPerDay: 1_440_000,
      bytesPerEvent: 800,
      bytesPerDay: 1_152_000_000,
      measuredOverMs: 3_600_000,
    });
  });

  it('an outbox with few events, or of the last minute, has no forecast', () => {
    expect(forecastOf({ ...facts, sinceOldest: 999 })).toBeUndefined();
    expect(forecastOf({ ...facts, kept: 10 })).toBeUndefined();
    expect(forecastOf({ ...facts, oldestTickMs: 59_999 })).toBeUndefined();
  });
});
