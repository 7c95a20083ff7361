// A change followed through the daemon: its number stands in the log's lines from the object that changed to the last answer
// of a proxy, and what kinds of objects set off pushes is counted.
import type { Push, PushCause } from '../../model/proxy/push.ts';
import type { DaemonMetrics } from '../../metrics/daemon-metrics.ts';
import { describeSource } from '../../model/source.ts';
import type { PushWatcher } from './push-history.ts';
import type { Log } from '../../xds/log.ts';

const mostNamed = 5;

export const pushWatcher = (log: Log, { triggered }: Pick<DaemonMetrics, 'triggered'>): PushWatcher => ({
  changed: ({ id }, causes) => {
    triggered(new Set(causes.map(({ object }) => trigger(object.kind))));
    const objects = causes.slice(0, mostNamed).map(described).join(', ');
    const more = causes.length - mostNamed;
    log.info('objects have changed', { change: id, objects, ...(more > 0 && { more }) });
  },
  settled: ({ id, responses, resources, bytes, rejected, settledAfter }: Push) =>
    log.info('proxies have answered', {
      change: id,
      responses,
      resources,
      bytes,
      rejected,
      milliseconds: settledAfter,
    }),
});

const described = ({ change, object }: PushCause): string => `${describeSource(object)} ${change}`;

/** In istiod's words. */
function trigger(kind: string): string {
  switch (kind) {
    case 'EndpointSlice':
    case 'Pod':
    case 'WorkloadEntry':
      return 'endpoint';
    case 'Service':
    case 'ServiceEntry':
      return 'service';
    case 'Secret':
      return 'secret';
    default:
      return 'config';
  }
}
