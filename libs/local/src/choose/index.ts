/** The choice between Kafka and the local log by settings, for every process, and the way from one to the other. */
export { exportLog, type ExportedTopic, type ExportRequest } from '../export/export-log.ts';
export { openBroker, type OpenBroker } from './open-broker.ts';
export { type BrokerName, type BrokerSettings, brokerSettings, chosenBroker } from './settings.ts';
