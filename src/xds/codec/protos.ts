// Reads Envoy's message definitions into one protobufjs reflection root: the .proto files that the npm package
// @grpc/grpc-js-xds carries, our own in protos/ for what that package lacks, and fields newer than the package.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/api
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { invariant } from '../../model/invariant.ts';
import { newerFields } from './newer-fields.ts';

const require = createRequire(import.meta.url);
const packaged = path.join(path.dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const ours = fileURLToPath(new URL('../../../protos', import.meta.url));
const importPaths = [ours, ...['envoy-api', 'xds', 'googleapis'].map((folder) => path.join(packaged, folder))];

const wanted = [
  'envoy/{config,data,extensions,service,type}/**/v3/*.proto',
  '{xds,udpa}/{core,type}/**/*.proto',
  'opentelemetry/**/*.proto',
];
/** Files that need definitions nobody ships (removed from Envoy since), and options that never reach the wire. */
const leftOut = /^(validate\/|envoy\/(annotations\/|config\/trace\/v3\/opencensus|service\/(metrics|trace)\/))/;

/** All message types, resolved. Half a second of work and tens of megabytes: nothing to be kept. */
export function protoRoot(): protobuf.Root {
  const root = new protobuf.Root();
  protobuf.common('descriptor', descriptorDefinitions());
  root.resolvePath = (_origin, target) => (isBundled(target) ? target : locate(target));
  root.loadSync(protoFiles(), { keepCase: true });
  addNewerFields(root);
  root.resolveAll();
  return root;
}

function protoFiles(): string[] {
  const files = importPaths.flatMap((folder) => globSync(wanted, { cwd: folder }));
  return [...new Set(files.map((file) => file.split(path.sep).join('/')))].filter((file) => !leftOut.test(file)).sort();
}

const isBundled = (file: string): boolean => protobuf.common.get(file) !== null;

function locate(file: string): string | null {
  if (leftOut.test(file)) return null;
  return importPaths.map((folder) => path.join(folder, file)).find((candidate) => existsSync(candidate)) ?? null;
}

/** The definitions of google/protobuf/descriptor.proto, which options are declared on. */
function descriptorDefinitions(): Record<string, unknown> {
  const file = require.resolve('protobufjs/google/protobuf/descriptor.json');
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as protobuf.INamespace;
  const google = parsed.nested?.['google'] as protobuf.INamespace;
  const definitions = google.nested?.['protobuf'] as protobuf.INamespace;
  invariant(definitions.nested !== undefined, `no definitions in ${file}`);
  return definitions.nested;
}

function addNewerFields(root: protobuf.Root): void {
  for (const [message, fields] of Object.entries(newerFields)) {
    const owner = root.lookupType(message);
    for (const { name, number, type, repeated, oneof } of fields) {
      if (owner.fields[name] !== undefined) continue;
      const added = new protobuf.Field(name, number, type, repeated === true ? 'repeated' : undefined);
      if (oneof === undefined) owner.add(added);
      else (owner.oneofs[oneof] ?? newOneof(owner, oneof)).add(added);
    }
  }
}

function newOneof(owner: protobuf.Type, name: string): protobuf.OneOf {
  const oneof = new protobuf.OneOf(name);
  owner.add(oneof);
  return oneof;
}
