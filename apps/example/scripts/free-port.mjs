import { once } from 'node:events';
import { createServer } from 'node:net';
import { Failure } from './failure.mjs';

/** The wanted port, or "0" (any free one) where somebody else has it. */
export async function portOrFree(name, fallback) {
  const wanted = process.env[name] || fallback;
  if (!/^\d{1,5}$/.test(wanted) || Number(wanted) > 65_535) {
    throw new Failure(`${name} is ${JSON.stringify(wanted)}, but takes a whole number from 0 to 65535.`);
  }
  if (await isFree(Number(wanted))) {
    return wanted;
  }
  console.log(`Port ${wanted} (${name}) is taken, so a free one is used instead.`);
  return '0';
}

async function isFree(port) {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
