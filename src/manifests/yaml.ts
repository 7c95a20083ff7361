// Kubernetes objects as one stream of YAML.
import { stringify } from 'yaml';

/** Documents one after the other, without aliases and line folding, so that every tool reads it: kubectl still reads YAML 1.1. */
export const printObjects = (objects: readonly object[]): string => objects.map(printObject).join('---\n');

export const printObject = (object: object): string =>
  stringify(object, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0, defaultStringType: 'PLAIN' });
