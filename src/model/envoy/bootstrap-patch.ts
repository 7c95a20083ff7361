// What an EnvoyFilter changes in the bootstrap of a proxy, as injection hands it to the program that writes the bootstrap.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { SourceRef } from '../source.ts';

export interface BootstrapPatch {
  readonly operation: 'MERGE' | 'MERGE_AND_REPLACE_LIST';
  /** An envoy.config.bootstrap.v3.Bootstrap in part; plain JSON. */
  readonly value: object;
  readonly source: SourceRef;
}
