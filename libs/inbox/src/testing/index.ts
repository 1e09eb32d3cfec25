/** Exports for the kit's tests: a source without a relay, quick policies, the delivery of one event without protections. */
export { deliver, type Delivering, routeTo } from './deliver.ts';
export { type FixtureRecord, FixtureSource, sendRecords } from './fixture-source.ts';
export { makeTopics, quickRetries } from './quick.ts';
