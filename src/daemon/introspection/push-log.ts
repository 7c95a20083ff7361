// A change followed through the daemon: its number stands in the log's lines from the object that changed to the last answer
// of a proxy, and what kinds of objects set off pushes is counted.
import type { Push, PushCause } from '../../model/proxy/push.ts';
import type { DaemonMetrics } from '../../metrics/daemon-metrics.ts';
import { describeSource } from '../../model/source.ts';
import type { PushWatcher } from './push-history.ts';
import type { Log } from '../../xds/log.ts';

const mostNamed = 5;

export const pushWatcher = (
  log: Log,
  { triggered, objectChanged }: Pick<DaemonMetrics, 'triggered' | 'objectChanged'>,
): PushWatcher => ({
  changed: ({ id }, causes) => {
    triggered(new Set(causes.map(({ object }) => trigger(object.kind))));
    for (const { change, object } of causes)
      if (!unheard.has(object.kind)) objectChanged(object.kind, events[change], registryKinds.has(object.kind));
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

/** In istiod's words. */
const events = { added: 'add', changed: 'update', removed: 'delete' } as const;
const registryKinds: ReadonlySet<string> = new Set(['Service', 'EndpointSlice', 'Pod', 'Node']);
/** What is read besides; nobody is told of it as an event. */
const unheard: ReadonlySet<string> = new Set(['ConfigMap', 'Secret', 'Namespace']);

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
