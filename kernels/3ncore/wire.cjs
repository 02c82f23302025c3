'use strict';
// Jupyter's wire protocol 5.4: [identities…, delimiter, signature, header, parent header, metadata, content, buffers…].
const { createHmac, randomUUID, timingSafeEqual } = require('node:crypto');

const delimiter = Buffer.from('<IDS|MSG>');
const session = randomUUID();

function sign(key, parts) {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest('hex');
}

/** Reads a request; throws when its signature is not ours (an empty key means that messages are not signed). */
function readMessage(key, frames) {
  const at = frames.findIndex((frame) => frame.equals(delimiter));
  if (at < 0 || frames.length < at + 6) throw new Error('a message that is not one of Jupyter');
  const parts = frames.slice(at + 2, at + 6);
  const expected = Buffer.from(sign(key, parts));
  const signature = frames[at + 1];
  if (key !== '' && !(signature.length === expected.length && timingSafeEqual(signature, expected)))
    throw new Error('a message with a wrong signature');
  const [header, , metadata, content] = parts.map((part) => JSON.parse(part.toString()));
  return { identities: frames.slice(0, at), header, metadata, content, buffers: frames.slice(at + 6) };
}

/** The frames of a message of this kernel; binary buffers go out as they are. */
function writeMessage(key, { identities, type, parent, content, metadata = {}, buffers = [] }) {
  const header = {
    version: '5.4',
    date: new Date().toISOString(),
    session,
    username: 'kernel',
    msg_type: type,
    msg_id: randomUUID(),
  };
  const parts = [header, parent ?? {}, metadata, content].map((part) => JSON.stringify(part));
  return [...identities, delimiter, sign(key, parts), ...parts, ...buffers];
}

module.exports = { readMessage, writeMessage };
