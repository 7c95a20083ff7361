// All debug pages by path, as istiod names them; what is new comes last.
import {
  conflictsOfProxy,
  configDumpPage,
  endpointsOfProxy,
  hostOfProxy,
  objectOfProxy,
  patchesOfProxy,
  resourcesOfProxy,
  scopeOfProxy,
} from './configuration.ts';
import { extensionsOfProxy, namesOfProxy } from './extensions.ts';
import * as internals from './internals.ts';
import * as objects from './objects.ts';
import type { Page } from './page.ts';
import { connections, streams, syncStatus } from './proxies.ts';
import { endpointShards, instances, registry } from './services.ts';

const own = (summary: string, answer: Page['answer']): Page => ({ summary, scoped: true, about: 'proxies', answer });
const whole = (summary: string, answer: Page['answer'], about: Page['about'] = 'mesh'): Page => {
  return { summary, scoped: false, about, answer };
};

export const pages: ReadonlyMap<string, Page> = new Map(
  Object.entries({
    ambientz: whole('proxies of nodes and waypoints', internals.ambient, 'proxies'),
    adsz: whole('streams of proxies and what they have; push=true pushes', streams, 'streams'),
    authorizationz: whole('AuthorizationPolicies by namespace', objects.authorization),
    cachez: whole('what the server has sent; sizes: what it keeps for connected proxies', internals.cache),
    clusterz: whole('clusters that objects come from', objects.clusters),
    config_dump: own('what a proxy is to have, as Envoy dumps it: proxyID, types, include_eds', configDumpPage),
    conflicts: own('what objects do to each other as a proxy sees them: proxyID', conflictsOfProxy),
    configz: whole('objects of users', objects.objects),
    connections: own('who is connected', connections),
    ecdsz: own('extensions of a proxy: proxyID', extensionsOfProxy),
    edsz: own('endpoints of a proxy: proxyID', endpointsOfProxy),
    endpointShardz: whole('endpoints of services', endpointShards),
    endpointz: whole('endpoints of services', endpointShards),
    host: whole('why a proxy does not know a host: proxyID, host', hostOfProxy, 'proxies'),
    inject: whole("the injector's configuration", objects.injection),
    instancesz: whole('services that proxies receive for', instances, 'proxies'),
    krtz: whole('how many of what each step keeps', internals.steps, 'proxies'),
    mcsz: whole('services imported from other clusters', internals.importedServices),
    mesh: whole('settings of the mesh', objects.meshConfig),
    ndsz: own('names that a proxy resolves by itself, where it captures DNS: proxyID', namesOfProxy),
    networkz: whole('gateways between networks', objects.networkGateways),
    object: whole('why an object has nothing to say to a proxy: proxyID, kind, name', objectOfProxy, 'proxies'),
    patches: own('how many places of a proxy each patch matches: proxyID', patchesOfProxy),
    'pprof/heap': whole("what the program's memory is for", internals.memory),
    'pprof/profile': whole("where the program's time goes, for Chrome's developer tools: seconds", internals.profile),
    problems: whole('mistakes in what users wrote', objects.problems, 'proxies'),
    push_status: whole('mistakes by kind and object', objects.pushStatus, 'proxies'),
    pushcontext: whole('settings of the mesh', objects.meshConfig),
    registryz: whole('services', registry),
    rejections: whole('resources that proxies reject', objects.rejections, 'proxies'),
    resourcesz: whole('kinds of objects that are read', internals.readKinds),
    resources: own('what a proxy is to have, with the causes of every field: proxyID', resourcesOfProxy),
    sidecarz: whole('what a proxy sees: proxyID', scopeOfProxy, 'proxies'),
    syncz: own('what proxies were sent and have accepted: namespace', syncStatus),
    telemetryz: whole('Telemetry objects by namespace', objects.telemetry),
  }),
);
