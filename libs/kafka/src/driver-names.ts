export const driverNames = ['kafkajs', 'platformatic'] as const;
export type DriverName = (typeof driverNames)[number];
