// The types of Gateway API's messages, under names of their own: some are called like Istio's.
export type * from './common.ts';
export type * from './gateway.ts';
export type * from './grpc-route.ts';
export type * from './http-route.ts';
export type * from './l4-routes.ts';
export type * from './listener.ts';
export type * from './policies.ts';
