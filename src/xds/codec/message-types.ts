// Envoy's message types for those who change messages without knowing how they are sent.
import type { MessageTypes } from '../../model/message/descriptor.ts';
import { cachedResource } from './cache.ts';
import { findMessage } from './descriptors.ts';

/** The bytes of a resource that is found to be in order are kept, so that trying costs nothing. */
export const messageTypes: MessageTypes = {
  find: findMessage,
  fault: (resource) => {
    try {
      cachedResource(resource);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },
};
